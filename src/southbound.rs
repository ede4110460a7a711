//! Towards the devices: lines, their tasks, and what they tell the pipeline.

pub mod modbus;
pub mod mqtt;
pub mod schedule;
pub mod vision;

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::id::Id;

/// A checked line of the configuration. One physical path: one owner task, one connection.
#[derive(Debug, Clone, PartialEq)]
pub struct LineConfig {
    /// Its id.
    pub id: Id,
    /// How bytes travel.
    pub path: LinePath,
    /// How long to wait for an answer (Modbus), or for the broker.
    pub timeout: Duration,
    /// Least pause between an answer and the next request on this line.
    pub gap: Duration,
    /// Scan period of points that name none.
    pub every: Duration,
}

/// The kinds of line.
#[derive(Debug, Clone, PartialEq)]
pub enum LinePath {
    /// Modbus TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, 502 by default.
        port: u16,
    },
    /// Modbus RTU on a serial port.
    Serial(SerialConfig),
    /// Modbus RTU frames over a TCP connection that we open.
    RtuTcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Modbus RTU frames over a TCP connection that a modem opens to us.
    RtuListen {
        /// Where to listen.
        bind: SocketAddr,
        /// Registration text the modem sends first, if any; connections without it are refused.
        hello: Option<String>,
    },
    /// Client of a broker that is already there.
    Mqtt {
        /// `mqtt://host:1883` or `mqtts://host:8883`.
        url: String,
        /// Name of the credential `user:password`.
        credential: Option<String>,
        /// Name of the credential that holds the CA certificate (PEM) for `mqtts`; the system's roots otherwise.
        ca: Option<String>,
        /// Client id; made from the gateway id by default.
        client_id: Option<String>,
    },
    /// gatehouse's own listener: devices publish straight to it.
    MqttListen {
        /// Where to listen.
        bind: SocketAddr,
        /// TLS with the credentials `<line>_cert` and `<line>_key`.
        tls: bool,
        /// Most clients at once.
        clients_max: usize,
    },
}

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialConfig {
    /// Device file; stable paths (`/dev/serial/by-id/..`) survive replugging.
    pub port: String,
    /// Bits per second.
    pub baud: u32,
    /// 8 (7 is not Modbus RTU).
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// Drive RS-485 direction through the kernel (RTS on send); tried, logged once where the port cannot.
    pub rs485: bool,
}

/// Parity of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None,
    /// Even, the Modbus default.
    Even,
    /// Odd.
    Odd,
}
