//! Identity of everything that is kept and sent: `(gateway_id, stream, epoch, seq)`.
//!
//! `seq` counts from 1 without gaps inside an epoch; an epoch is 64 random bits made with each new store file set, so a
//! number is never given to two different things. A hole that will never be filled is declared by a [`Gap`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The streams, in order of priority on the way to the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Alarm changes.
    Alarm,
    /// Results of commands.
    Command,
    /// Who did what.
    Audit,
    /// Links up and down, starts, learned registers, gaps.
    Event,
    /// Readings.
    Telemetry,
}

impl Stream {
    /// All streams, most urgent first.
    pub const ALL: [Self; 5] = [Self::Alarm, Self::Command, Self::Audit, Self::Event, Self::Telemetry];

    /// The word in tables and payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Command => "command",
            Self::Audit => "audit",
            Self::Event => "event",
            Self::Telemetry => "telemetry",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }
}

/// 64 random bits that name one life of the store files. Written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Epoch {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// How far an upstream has confirmed a stream: everything up to and including `seq` of `epoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Life of the store files.
    pub epoch: Epoch,
    /// Last confirmed number; 0 for none.
    pub seq: u64,
}

/// Why readings will never come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The disk quota was reached and the oldest were given up.
    Evicted,
    /// A file was damaged.
    Corrupt,
    /// The power went before they were synced, or the card lied about syncing.
    PowerLoss,
    /// The far end refused them for good.
    Rejected,
}

/// A declared hole in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Stream.
    pub stream: Stream,
    /// Life of the store files.
    pub epoch: Epoch,
    /// First number that will not come.
    pub from: u64,
    /// Last number that will not come.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
}

/// Something to keep in the journal besides alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// `Event`, `Audit` or `Command`.
    pub stream: Stream,
    /// Word: `start`, `stop`, `link_down`, `link_up`, `gap`, `clock_step`, `store_damaged`, ...
    pub kind: String,
    /// Device or line id it concerns, or empty.
    pub subject: String,
    /// Facts, a JSON object.
    pub facts: serde_json::Value,
}
