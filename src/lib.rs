//! gatehouse: the edge gateway of a residential community.

pub mod model;

pub mod clock;
pub mod text;

pub mod profile;

pub mod southbound;

pub mod conditioning;

pub mod rules;

pub mod alarms;

pub mod store;

pub mod northbound;

pub mod api;

pub mod pipeline;

pub mod supervise;

pub mod config;

pub mod gateway;

pub mod sim;

pub mod cli;
