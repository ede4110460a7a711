//! gatehouse, the edge gateway of a residential community.
//!
//! One program on an ARM Linux box polls lifts, pumps, smoke sensors, access gates and meters over Modbus and MQTT, keeps every
//! reading on disk in SQLite, raises alarms on the spot, shows them to the duty engineer, and brings everything to the
//! cloud when the cloud can be reached. This page is the architecture chapter; each module's own page goes deeper.
//!
//! # The way of a reading
//!
//! ```text
//!  device ─▶ southbound ─▶ pipeline ──────────────────▶ store ─▶ northbound ─▶ cloud
//!            raw values    │ conditioning: raw → Reading  log      cursor per upstream,
//!                          │ rules: Reading → Condition   history  confirm, retry, gap records
//!                          │ alarms: Condition → Alarm    journal
//!                          └▶ live table ─▶ api ─▶ page, staff (acknowledge, reset)
//!  cameras ─▶ vision intake ─▶ case desk (falling: physics) ─▶ store, alarms, evidence
//!
//!  field runtime (1 thread): lines, pipeline     writer thread: store     office runtime (1 thread): api, northbound, cases
//!  vision runtime (1 thread, with cameras): what they post and stream
//! ```
//!
//! Threads of their own, so that one bad thing stops one thing: a page that renders slowly or a cloud that hangs takes the
//! office's time, a disk that stalls takes the writer's, and neither delays an alarm. Within a thread, tasks talk through bounded
//! channels of [`model`] types.
//!
//! # Modules, in reading order
//!
//! | module | owns | knows nothing of |
//! |---|---|---|
//! | [`model`] | point, value, quality, reading, alarm, ids, stamps, the live table | everything else |
//! | [`clock`] | boot clock, wall clock and the trust in it | |
//! | [`guests`] | connections to a listener of ours: caps, who gives way, the accepting loop | routes, credentials |
//! | [`text`] | TOML with places: reader, fields, complaints | what the fields mean |
//! | [`profile`] | device profiles: decoding, golden vectors | tasks, sockets |
//! | [`predict`] | detectors that learn: one point, a trend to a limit, a whole device | clock, task, disk, profile |
//! | [`falling`] | camera calibration, tracks of falling objects, verdicts; pure | cases, files, clocks |
//! | [`southbound`] | lines: schedule, matching of answers, sessions, MQTT client and listener; events of cameras | store, cloud |
//! | [`conditioning`] | scale, range, sentinel, deadband, counters, staleness | tasks; time is an argument |
//! | [`rules`] | limit, state, rate, count, absence, expression, and what learns (over [`predict`]); delays | clock, task, database |
//! | [`alarms`] | the ISA-18.2 states, gatehouse's own alarms, flood figures | channels, SQL |
//! | [`cases`] | cases of falling objects and their neighbours: merging, workflow, evidence, export | SQL, cameras' protocols |
//! | [`health`] | the health record of every device: counts, services, score; pure | clocks, profiles, SQL |
//! | [`store`] | outbox, history, journal, retention, damage; one writer thread | what a reading means |
//! | [`northbound`] | upstreams: cursor, lanes, retry, payloads | SQL |
//! | [`api`] | routes, event stream, metrics, page | SQL, registers |
//! | [`pipeline`] | the task that owns conditioning, rules, alarms and the live table | sockets, SQL |
//! | [`supervise`] | named tasks, restart policy, staged stop, watchdog | what the tasks do |
//! | [`config`] | text → checked configuration, all faults with their places | sockets, tasks |
//! | [`gateway`] | composition root: build, connect, start, drain | |
//! | [`sim`] | simulated devices and clouds that speak the real protocols | the gateway's insides |
//! | [`cli`] | commands, exit codes | |
//!
//! A module imports only those above it; siblings (southbound, conditioning, rules, alarms, store, northbound, api) never
//! import each other and meet in [`gateway`]. Pure code and I/O never share a file. `tests/tidy.rs` holds both the import
//! table and the sizes.
//!
//! # Invariants
//!
//! 1. **Store first.** Only [`store`]d, synced readings go north; a publisher's acknowledgement means "on disk".
//! 2. **A reading leaves the disk** when every upstream has confirmed it, or by counted retention with a gap record.
//! 3. **Alarms come first**: own journal, own lane, own disk reserve; never dropped before readings, never waiting for the
//!    cloud. Level `life` is never delayed by the system, grouped or held back.
//! 4. **Never a wrong number**: what is late, foreign, short, sentinel or out of range is bad quality with a reason.
//! 5. **Unknown is not false**: bad input neither raises nor clears; loss of sight is an alarm of its own.
//! 6. **Time**: durations run on the boot clock; a step of the wall clock raises, clears and expires nothing.
//! 7. **Every queue has a bound**, a figure and a named policy when full; every wait on a peer has a deadline.
//! 8. **Nothing writes to a device by default.** In this version nothing writes at all.
//!
//! What is absent on purpose: [`rules`] and [`conditioning`] know no clock and no task; only [`store`] knows SQL; only
//! `southbound::modbus` knows register numbers on the wire; only `api::dto` and `northbound` know the JSON the outside sees.
//!
//! # Where the plan was changed
//!
//! - Two runtimes of one thread each instead of one pool: isolation of field from office, and no wake-ups between workers.
//! - The Modbus client matches answers itself; tokio-modbus is the peer that simulators and tests speak with (the reasons
//!   stand in [`southbound::modbus`]).
//! - CEL is parsed by the `cel` crate and evaluated by a small evaluator of our own over numbers ([`rules::expr`]).

pub mod model;

pub mod clock;
pub mod guests;
pub mod text;

pub mod profile;

pub mod falling;
pub mod predict;

pub mod southbound;

pub mod conditioning;

pub mod rules;

pub mod alarms;

pub mod cases;
pub mod health;

pub mod store;

pub mod northbound;

pub mod api;

pub mod pipeline;

pub mod supervise;

pub mod config;

pub mod gateway;

pub mod sim;

pub mod cli;
