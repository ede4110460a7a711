//! The task in the middle: field events in, readings to the store, alarms to the journal and to everybody.
//!
//! Reading order: [`Pipeline::run`] awaits many sources and returns one value of a closed enum (`Turn`); `apply` handles
//! it without waiting for anything; `core` holds the pure engines and what they decide; `bell` carries alarms to the
//! journal and then to the listeners; `outbox` holds readings until the store takes them.
//!
//! Owns conditioning, rules, alarms and the live table. Knows nothing of sockets, SQL or pages: the store stands behind
//! [`Sink`].
//!
//! Queues, their bounds and what happens when they are full:
//! - field events: the channel's bound; drivers wait.
//! - readings for the store: [`outbox::READINGS_MAX`]; the oldest are dropped, counted, and their receipts refused. Alarms
//!   never wait for readings.
//! - alarms for the journal: [`bell::PENDING_MAX`]; each is published after its commit, or after 500 ms without it. Past
//!   the bound the oldest that has been published is given up for the journal, counted and logged.
//! - notes for the journal: [`notes::NOTES_MAX`]; the oldest are dropped, counted.
//! - listeners: a bounded broadcast; the slow ones miss events and read the journal.
//!
//! When told to stop it closes the field channel, works off what is in it and waits for the store; the caller sets the
//! deadline.

pub mod bell;
mod core;
mod derived;
mod learners;
pub mod notes;
pub mod outbox;
pub mod sink;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

pub use self::core::Setup;
pub use derived::DerivedPoint;
pub use sink::{Models, Sink, SinkError};

use self::core::Core;
use crate::health::Book;
use crate::model::desk::DeskCommand;
use crate::model::link::FieldEvent;
use crate::model::live::LiveEvent;
use bell::{Bell, Rung};
use notes::Notes;
use outbox::Outbox;

/// Field events handled before the other sources are looked at again.
const DRAIN_MAX: usize = 256;
/// The pulse beats at least this often.
const BEAT: Duration = Duration::from_secs(1);

/// The pipeline's figures, for metrics and health. Written by the task, read by anybody.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Turns of the loop; stands still for longer than a few seconds only if the task hangs.
    pub pulse: Arc<AtomicU64>,
    /// Readings that came from the field.
    pub readings: AtomicU64,
    /// Readings waiting for the store.
    pub waiting: AtomicU64,
    /// Readings dropped since the store took none for too long.
    pub dropped: AtomicU64,
    /// Alarm changes waiting for their commit.
    pub alarms_waiting: AtomicU64,
    /// Alarm changes published before their commit.
    pub alarms_early: AtomicU64,
    /// Alarm changes given up for the journal.
    pub alarms_unjournalled: AtomicU64,
    /// Notes dropped.
    pub notes_dropped: AtomicU64,
}

/// The pipeline's connections.
#[derive(Debug)]
pub struct Ports<S> {
    /// From the drivers. The pipeline ends when all senders are gone: the composition root keeps one.
    pub field: mpsc::Receiver<FieldEvent>,
    /// From people and other parts.
    pub commands: mpsc::Receiver<DeskCommand>,
    /// To the listeners.
    pub events: broadcast::Sender<LiveEvent>,
    /// The store.
    pub sink: S,
    /// Figures.
    pub gauges: Arc<Gauges>,
    /// Told when to finish.
    pub stop: CancellationToken,
}

/// The task.
#[derive(Debug)]
pub struct Pipeline<S: Sink> {
    core: Core,
    bell: Bell<S>,
    outbox: Outbox<S>,
    notes: Notes<S>,
    field: mpsc::Receiver<FieldEvent>,
    commands: mpsc::Receiver<DeskCommand>,
    gauges: Arc<Gauges>,
    stop: CancellationToken,
    stopping: bool,
    field_ended: bool,
    commands_ended: bool,
}

/// What the loop was woken by.
#[derive(Debug)]
enum Turn {
    /// A driver has something.
    Field(FieldEvent),
    /// All drivers are gone.
    FieldEnded,
    /// Somebody asks.
    Command(DeskCommand),
    /// Nobody can ask any more.
    CommandsEnded,
    /// An alarm was committed, or has waited long enough.
    Rung(Rung),
    /// The store took readings or a note.
    Stored,
    /// A timer of an engine, or the pulse.
    Wake,
    /// Finish.
    Stop,
}

impl<S: Sink> Pipeline<S> {
    /// Builds the engines; alarms that ended while gatehouse was down are journalled once it runs.
    #[must_use]
    pub fn new(setup: Setup, ports: Ports<S>) -> Self {
        let Ports { field, commands, events, sink, gauges, stop } = ports;
        let sink = Arc::new(sink);
        let mut pipeline = Self {
            core: Core::new(setup),
            bell: Bell::new(Arc::clone(&sink), events, Arc::clone(&gauges)),
            outbox: Outbox::new(Arc::clone(&sink)),
            notes: Notes::new(sink),
            field,
            commands,
            gauges,
            stop,
            stopping: false,
            field_ended: false,
            commands_ended: false,
        };
        pipeline.pass_on();
        pipeline
    }

    /// Counts readings and alarms in the health records.
    #[must_use]
    pub fn recorded_in(mut self, book: Arc<Book>) -> Self {
        self.core.recorded_in(book);
        self
    }

    /// Runs until all drivers are gone, or until told to stop and the store has taken everything.
    pub async fn run(mut self) {
        while !self.done() {
            let turn = self.next().await;
            self.apply(turn);
        }
    }

    fn done(&self) -> bool {
        self.field_ended && self.bell.is_idle() && self.outbox.is_idle() && self.notes.is_idle()
    }

    async fn next(&mut self) -> Turn {
        let wake = self.core.sleep(BEAT);
        tokio::select! {
            biased;
            () = self.stop.cancelled(), if !self.stopping => Turn::Stop,
            rung = self.bell.next(), if !self.bell.is_idle() => Turn::Rung(rung),
            command = self.commands.recv(), if !self.commands_ended => command.map_or(Turn::CommandsEnded, Turn::Command),
            () = self.outbox.taken(), if !self.outbox.is_idle() => Turn::Stored,
            () = self.notes.taken(), if !self.notes.is_idle() => Turn::Stored,
            event = self.field.recv(), if !self.field_ended => event.map_or(Turn::FieldEnded, Turn::Field),
            () = tokio::time::sleep(wake) => Turn::Wake,
        }
    }

    fn apply(&mut self, turn: Turn) {
        match turn {
            Turn::Field(event) => self.drain(event),
            Turn::FieldEnded => {
                self.field_ended = true;
                self.core.finish();
            }
            Turn::Command(command) => self.core.command(command),
            Turn::CommandsEnded => self.commands_ended = true,
            Turn::Rung(rung) => self.bell.settle(rung, self.core.live()),
            Turn::Stored | Turn::Wake => {}
            Turn::Stop => {
                self.stopping = true;
                self.field.close();
            }
        }
        self.core.tick(self.field.is_empty());
        self.pass_on();
        self.gauges.pulse.fetch_add(1, Ordering::Relaxed);
    }

    fn drain(&mut self, first: FieldEvent) {
        self.core.field(first);
        for _ in 1..DRAIN_MAX {
            let Ok(event) = self.field.try_recv() else { break };
            self.core.field(event);
        }
    }

    /// Hands what the engines decided to the carriers: alarms first.
    fn pass_on(&mut self) {
        for ring in std::mem::take(&mut self.core.alarms) {
            self.bell.ring(ring, self.core.live());
        }
        for link in self.core.links.drain(..) {
            self.bell.tell(LiveEvent::Link(link));
        }
        for note in self.core.notes.drain(..) {
            self.notes.push(note);
        }
        let (readings, receipts) = self.core.batch();
        self.gauges.readings.fetch_add(readings.len() as u64, Ordering::Relaxed);
        self.outbox.push(readings, receipts);
        self.gauges.waiting.store(self.outbox.len() as u64, Ordering::Relaxed);
        self.gauges.dropped.store(self.outbox.dropped(), Ordering::Relaxed);
        self.gauges.notes_dropped.store(self.notes.dropped(), Ordering::Relaxed);
    }
}
