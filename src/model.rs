//! The nouns of gatehouse: what flows between the parts.
//!
//! Owns pure data: ids, values, quality, readings, alarms, links, journal positions. Knows nothing of tasks,
//! sockets, SQL, JSON on the wire, or the time of day: a time is always handed in.
//! Every other module meets its siblings only through these types.

pub mod alarm;
pub mod calendar;
pub mod camera;
pub mod case;
pub mod casebook;
pub mod casewords;
pub mod condition;
pub mod desk;
pub mod facade;
pub mod far;
pub mod finding;
pub mod health;
pub mod id;
pub mod intake;
pub mod journal;
pub mod link;
pub mod live;
pub mod quality;
pub mod reading;
pub mod sight;
pub mod site;
pub mod stored;
pub mod text;
pub mod time;
pub mod unit;
