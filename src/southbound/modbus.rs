//! Modbus, client side: TCP, RTU on a serial port, RTU inside TCP, and modems that dial in.
//!
//! One [`ModbusLine`] owns one physical path and every unit id behind it. Pure parts decide, I/O parts move bytes:
//!
//! | module | owns | I/O |
//! |---|---|---|
//! | [`pdu`] | requests as bytes, CRC, exception codes | no |
//! | [`matcher`] | bytes → the one frame that answers the request, or the reason it is dropped | no |
//! | [`plan`] | points → fewest requests; where never to read across | no |
//! | [`unit`] | health of one unit: suspect, quarantine, probes | no |
//! | [`poller`] | what to ask next, and what an outcome means | no |
//! | [`session`] | one connection: send, wait for the fitting answer, listen out | yes |
//! | [`dial`] | opening and re-opening the path | yes |
//! | [`line`](mod@line) | the task: connect, ask, report, wait | yes |
//!
//! The library tokio-modbus is the independent peer of the tests, not the client here. Its client gives up on (and may
//! go out of step after) a late answer; to cure that from outside, an adapter must frame and match every answer
//! itself, and then nothing is left for the library but twelve bytes of request. Doing those here makes an exchange
//! safe to cancel at any await and free of allocation, and measures the answer time at the socket.
//!
//! Invariants: an answer becomes values only if it fits the request (transaction id, unit, function, byte count; on
//! RTU also the CRC, and the shape of no unanswered earlier request). Every wait has a deadline. A unit that does not
//! answer costs its siblings one time-out, then only probes that fit into idle time or a budget of 5 % of the line.

pub mod dial;
pub mod line;
pub mod matcher;
pub mod pdu;
pub mod plan;
pub mod poller;
pub mod session;
pub mod unit;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::id::{DeviceIx, LineIx, PointIx};
use crate::model::link::FieldEvent;
use crate::model::live::Live;
use crate::profile::{Area, ModbusLimits, Register};
use crate::southbound::{LineConfig, LinePath};

/// A device behind a Modbus line.
#[derive(Debug, Clone)]
pub struct ModbusDevice {
    /// Its place in the site's tables.
    pub device: DeviceIx,
    /// Unit id, 1-247 on serial lines, 0-255 over TCP.
    pub unit: u8,
    /// What it can take.
    pub limits: ModbusLimits,
    /// Its points and how often each is read.
    pub points: Vec<(PointIx, Register, Duration)>,
    /// Points it was found to lack in earlier runs; asked for again every five minutes (`poller::RETRY_MS`).
    pub unsupported: Vec<PointIx>,
}

/// What a one-shot request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Reads registers, or bits as 0 and 1.
    Read {
        /// Table.
        area: Area,
        /// 0-based address.
        address: u16,
        /// How many.
        count: u16,
    },
    /// Writes one coil (function 5).
    WriteCoil {
        /// 0-based address.
        address: u16,
        /// On or off.
        on: bool,
    },
    /// Writes one holding register (function 6).
    WriteRegister {
        /// 0-based address.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Writes holding registers (function 16), 1 to 123.
    WriteRegisters {
        /// 0-based address of the first.
        address: u16,
        /// Values.
        values: Vec<u16>,
    },
}

/// A one-shot request to a running line. Goes before every poll; never repeated by the line, since a write that timed
/// out may have moved something: the caller reads back.
#[derive(Debug)]
pub struct LineRequest {
    /// Unit id.
    pub unit: u8,
    /// What to do.
    pub action: Action,
    /// Where the answer goes: registers or bits of a read, nothing for a write.
    pub reply: oneshot::Sender<Result<Vec<u16>, AskError>>,
}

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No fitting answer in time. Reads: try again. Writes: state unknown, read back.
    #[error("no answer from unit {unit} within {waited_ms} ms")]
    Timeout {
        /// Who was asked.
        unit: u8,
        /// How long.
        waited_ms: u64,
    },
    /// The device refused. Trying again helps for busy (5, 6) only.
    #[error("unit {unit} refused: {exception}")]
    Refused {
        /// Who was asked.
        unit: u8,
        /// Why.
        exception: pdu::Exception,
    },
    /// The path is down; it is being re-opened.
    #[error("the line is down: {0}")]
    Link(String),
    /// The request cannot be put on the wire as it is: a mistake of the caller.
    #[error("not a possible request: {0}")]
    Invalid(&'static str),
}

/// Why a line's task ended before it was stopped. Both are for a person to mend.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The path of this line is not a Modbus one.
    #[error("the line's path is not Modbus")]
    NotModbus,
    /// The listening address cannot be had (in use, not ours).
    #[error("cannot listen on {bind}: {source}")]
    Listen {
        /// Address.
        bind: std::net::SocketAddr,
        /// The system's word.
        source: std::io::Error,
    },
}

/// The task of one Modbus line. Build with [`ModbusLine::new`], then await [`ModbusLine::run`].
#[derive(Debug)]
pub struct ModbusLine {
    line: LineIx,
    config: LineConfig,
    devices: Arc<[ModbusDevice]>,
    clock: Arc<dyn Clock>,
    out: mpsc::Sender<FieldEvent>,
    live: Arc<Live>,
    requests: mpsc::Receiver<LineRequest>,
    stop: CancellationToken,
    heartbeat: Arc<AtomicU64>,
    dialer: Option<dial::Dialer>,
}

impl ModbusLine {
    /// A line that will report to `out`. When `out` is full the line waits: missed scans are counted, nothing is
    /// dropped.
    #[expect(clippy::too_many_arguments, reason = "one value each from the composition root, named at the call")]
    pub fn new(
        line: LineIx,
        config: LineConfig,
        devices: impl Into<Arc<[ModbusDevice]>>,
        clock: Arc<dyn Clock>,
        out: mpsc::Sender<FieldEvent>,
        live: Arc<Live>,
        requests: mpsc::Receiver<LineRequest>,
        stop: CancellationToken,
    ) -> Self {
        let heartbeat = Arc::new(AtomicU64::new(0));
        Self { line, config, devices: devices.into(), clock, out, live, requests, stop, heartbeat, dialer: None }
    }

    /// Counts up with every turn of the task, at least once in 10 s unless the pipeline's channel is full: the
    /// watchdog's evidence that the line is alive.
    pub fn heartbeat(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.heartbeat)
    }

    /// Runs until stopped. Every failure of the path is retried inside.
    pub async fn run(self) -> Result<(), LineError> {
        line::run(self).await
    }
}

/// Opens `config`'s path, reads once and closes: for the command line, while no daemon holds the path.
pub async fn read_once(
    path: &LinePath,
    unit: u8,
    area: Area,
    address: u16,
    count: u16,
    timeout: Duration,
) -> Result<Vec<u16>, AskError> {
    line::read_once(path, unit, area, address, count, timeout).await
}
