//! Simulated devices behind real Modbus: TCP, RTU over TCP, and RTU on a pseudo-terminal.
//!
//! One server per line answers for all unit ids on it from the shared [`Plant`]. A silent device is really silent. Reading
//! where a device has nothing gives exception 2, as hardware does; writing where nothing is writable gives exception 2 too.

use std::future::Ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio_modbus::server::{Service, rtu, rtu_over_tcp, tcp};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};
use tokio_serial::SerialStream;

use crate::config::DeviceAddress;
use crate::profile::Area;
use crate::sim::plant::{Plant, SimDevice};

/// The devices of one line.
#[derive(Debug, Clone)]
pub struct LineBank {
    plant: Arc<Mutex<Plant>>,
    line: usize,
}

impl LineBank {
    /// The devices of `plant` on line number `line`.
    #[must_use]
    pub fn new(plant: Arc<Mutex<Plant>>, line: usize) -> Self {
        Self { plant, line }
    }

    /// `Ok(None)` is silence.
    fn answer(&self, unit: u8, request: &Request<'_>) -> Result<Option<Response>, ExceptionCode> {
        let mut plant = self.plant.lock().unwrap_or_else(PoisonError::into_inner);
        let line = self.line;
        let device = plant.devices.iter_mut().find(|d| d.line == line && d.address == DeviceAddress::Unit(unit));
        let Some(device) = device.filter(|d| d.alive) else { return Ok(None) };
        Ok(Some(match request {
            Request::ReadHoldingRegisters(at, n) => {
                Response::ReadHoldingRegisters(registers(device, Area::Holding, *at, *n)?)
            }
            Request::ReadInputRegisters(at, n) => {
                Response::ReadInputRegisters(registers(device, Area::Input, *at, *n)?)
            }
            Request::ReadCoils(at, n) => Response::ReadCoils(bits(device, Area::Coil, *at, *n)?),
            Request::ReadDiscreteInputs(at, n) => Response::ReadDiscreteInputs(bits(device, Area::Discrete, *at, *n)?),
            Request::WriteSingleCoil(at, on) => {
                write(device, Area::Coil, *at, u16::from(*on))?;
                Response::WriteSingleCoil(*at, *on)
            }
            Request::WriteSingleRegister(at, word) => {
                write(device, Area::Holding, *at, *word)?;
                Response::WriteSingleRegister(*at, *word)
            }
            _ => return Err(ExceptionCode::IllegalFunction),
        }))
    }
}

fn registers(device: &SimDevice, area: Area, at: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    // Hardware answers a run that touches its map at all; holes read as 0, a run entirely outside is refused.
    let words: Vec<_> = (0..count).map(|i| device.word(area, at.wrapping_add(i))).collect();
    if words.iter().all(Option::is_none) {
        return Err(ExceptionCode::IllegalDataAddress);
    }
    Ok(words.into_iter().map(Option::unwrap_or_default).collect())
}

fn bits(device: &SimDevice, area: Area, at: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
    Ok(registers(device, area, at, count)?.into_iter().map(|word| word != 0).collect())
}

fn write(device: &mut SimDevice, area: Area, at: u16, word: u16) -> Result<(), ExceptionCode> {
    if device.write(area, at, word) { Ok(()) } else { Err(ExceptionCode::IllegalDataAddress) }
}

impl Service for LineBank {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Option<Response>, ExceptionCode>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        std::future::ready(self.answer(asked.slave, &asked.request))
    }
}

/// Answers on a Modbus TCP port for ever.
pub async fn serve_tcp(listener: TcpListener, bank: LineBank) -> std::io::Result<()> {
    let server = tcp::Server::new(listener);
    let on_connected = |stream: tokio::net::TcpStream, peer: SocketAddr| {
        let bank = bank.clone();
        async move {
            // An answer is one small packet: waiting to fill a larger one would delay each by 40 ms.
            stream.set_nodelay(true)?;
            tcp::accept_tcp_connection(stream, peer, move |_| Ok(Some(bank.clone())))
        }
    };
    server.serve(&on_connected, |error| tracing::debug!(%error, "simulated device lost its caller")).await
}

/// Answers RTU frames on a TCP port for ever.
pub async fn serve_rtu_tcp(listener: TcpListener, bank: LineBank) -> std::io::Result<()> {
    let server = rtu_over_tcp::Server::new(listener);
    let on_connected = |stream: tokio::net::TcpStream, peer: SocketAddr| {
        let bank = bank.clone();
        async move {
            stream.set_nodelay(true)?;
            rtu_over_tcp::accept_tcp_connection(stream, peer, move |_| Ok(Some(bank.clone())))
        }
    };
    server.serve(&on_connected, |error| tracing::debug!(%error, "simulated device lost its caller")).await
}

/// A pseudo-terminal with the devices on one end; the other end's path goes to whoever asks them.
#[derive(Debug)]
pub struct Pty {
    ours: SerialStream,
    /// Kept open so that the path lives while nobody has it open.
    theirs: SerialStream,
    /// What to open (`/dev/pts/7`).
    pub path: String,
}

impl Pty {
    /// Makes a pair.
    pub fn open() -> std::io::Result<Self> {
        let (ours, mut theirs) = SerialStream::pair()?;
        // The caller opens the path once more; an exclusive first handle would lock it out.
        theirs.set_exclusive(false)?;
        let path = tokio_serial::SerialPort::name(&theirs)
            .ok_or_else(|| std::io::Error::other("the pseudo-terminal has no name"))?;
        Ok(Self { ours, theirs, path })
    }

    /// Answers for ever. A frame that cannot be understood is skipped, as a device on a noisy line would.
    pub async fn serve(self, bank: LineBank) -> std::io::Result<()> {
        let Self { ours, theirs, .. } = self;
        let end = rtu::Server::new(ours).serve_forever(bank).await;
        drop(theirs);
        end
    }
}
