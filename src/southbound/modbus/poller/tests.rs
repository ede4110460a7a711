//! The mind of a line without a line: a device is a function from request to outcome, time is a number.

use std::time::Duration;

use super::*;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::LinkState;
use crate::model::reading::Raw;
use crate::profile::{Order, WireType};
use crate::southbound::modbus::session::Rejects;

/// What a fake unit does with a read.
enum Does {
    Answer,
    Refuse(u8),
    Nothing,
}

fn device(unit: u8, addresses: &[u16], unsupported: &[u16]) -> ModbusDevice {
    let point = |address: u16| PointIx(u32::from(unit) * 1000 + u32::from(address));
    let points = addresses.iter().map(|a| {
        let register = Register { area: Area::Holding, address: *a, wire: WireType::U16, order: Order::Abcd };
        (point(*a), register, Duration::from_secs(1))
    });
    ModbusDevice {
        device: DeviceIx(u32::from(unit)),
        unit,
        limits: ModbusLimits::default(),
        points: points.collect(),
        unsupported: unsupported.iter().map(|a| point(*a)).collect(),
    }
}

struct World {
    poller: Poller,
    now: i64,
    events: Vec<FieldEvent>,
    /// `(when, unit, address, count)`
    asked: Vec<(i64, u8, u16, u16)>,
}

impl World {
    fn new(devices: &[ModbusDevice], rtu: bool) -> Self {
        let mut poller = Poller::new(LineIx(0), devices, 1000, rtu, BootMs(0));
        let mut events = Vec::new();
        poller.line_up(BootMs(0), &mut events);
        Self { poller, now: 0, events, asked: Vec::new() }
    }

    /// Runs for `ms`; an answer takes 5 ms, silence the time-out.
    fn run(&mut self, ms: i64, does: impl Fn(u8, u16, u16) -> Does) {
        let end = self.now + ms;
        while self.now < end {
            match self.poller.next(BootMs(self.now)) {
                Step::Wait(at) => self.now = at.0.min(end),
                Step::Idle => self.now = end,
                Step::Ask(job) => self.ask(&job, &does),
            }
        }
    }

    fn ask(&mut self, job: &Job, does: &impl Fn(u8, u16, u16) -> Does) {
        let Ask::Read { address, count, .. } = job.ask else { panic!("only reads are planned") };
        self.asked.push((self.now, job.unit, address, count));
        let data = vec![0; usize::from(job.ask.data_len())];
        let (outcome, took) = match does(job.unit, address, count) {
            Does::Answer => (Outcome::Data(&data), 5),
            Does::Refuse(code) => (Outcome::Refused(Exception(code)), 5),
            Does::Nothing => (Outcome::Silence, job.timeout_ms),
        };
        let begun = BootMs(self.now);
        self.now += took;
        let span = Span { begun, ended: BootMs(self.now), took_us: u64::try_from(took).unwrap() * 1000 };
        self.poller.done(job, outcome, span, &mut self.events);
    }

    /// Last quality word of a point, `good` for a number.
    fn last(&self, point: u32) -> &'static str {
        let mut word = "none";
        for event in &self.events {
            if let FieldEvent::Scan(scan) = event {
                for sample in scan.samples.iter().filter(|s| s.point == PointIx(point)) {
                    word = match &sample.raw {
                        Raw::Bad(quality) => quality.word(),
                        _ => "good",
                    };
                }
            }
        }
        word
    }

    fn states(&self) -> Vec<LinkState> {
        let state = |e: &FieldEvent| if let FieldEvent::Link(change) = e { Some(change.state) } else { None };
        self.events.iter().filter_map(state).collect()
    }

    fn unsupported(&self) -> Vec<PointIx> {
        let points =
            |e: &FieldEvent| if let FieldEvent::Unsupported { points, .. } = e { points.clone() } else { vec![] };
        self.events.iter().flat_map(points).collect()
    }
}

/// Refuses every read that touches `lacks`.
fn lacks(lacks: u16) -> impl Fn(u8, u16, u16) -> Does {
    move |_, address, count| {
        if (address..address + count).contains(&lacks) { Does::Refuse(2) } else { Does::Answer }
    }
}

#[test]
fn a_bridged_hole_that_is_refused_is_not_bridged_again() {
    let mut world = World::new(&[device(1, &[0, 1, 4, 5], &[])], false);
    world.run(3000, lacks(2));
    assert_eq!(world.asked[..3], [(0, 1, 0, 6), (5, 1, 0, 2), (10, 1, 4, 2)]);
    assert!(world.asked[3..].iter().all(|a| a.3 == 2), "{:?}", world.asked);
    assert_eq!((world.last(1000), world.last(1005)), ("good", "good"));
    assert!(world.unsupported().is_empty());
}

#[test]
fn a_lacking_register_is_singled_out_and_the_rest_joined_again() {
    let addresses: Vec<u16> = (0..50).collect();
    let mut world = World::new(&[device(1, &addresses, &[])], false);
    world.run(6000, lacks(17));
    assert_eq!(world.unsupported(), [PointIx(1017)]);
    assert_eq!((world.last(1016), world.last(1017), world.last(1018)), ("good", "bad_unsupported", "good"));
    let begun = world.now;
    world.run(1000, lacks(17));
    let mut asked: Vec<_> = world.asked.iter().filter(|a| a.0 >= begun).map(|a| (a.2, a.3)).collect();
    asked.sort_unstable();
    assert_eq!(asked, [(0, 17), (18, 32)], "two requests, as few as can be");
}

#[test]
fn a_lacking_register_that_comes_back_is_read_again() {
    let mut world = World::new(&[device(1, &[0, 1, 2], &[1])], false);
    world.run(10_000, lacks(1));
    assert_eq!((world.last(1000), world.last(1001)), ("good", "bad_unsupported"));
    assert!(world.asked.iter().all(|a| a.2 != 1), "not asked for");
    world.run(RETRY_MS + 5000, |_, _, _| Does::Answer);
    assert_eq!(world.last(1001), "good");
    assert_eq!(world.asked.last().map(|a| (a.2, a.3)), Some((0, 3)), "one request again");
}

#[test]
fn a_missing_function_takes_its_whole_area() {
    let mut mixed = device(1, &[0, 1], &[]);
    let input = Register { area: Area::Input, address: 9, wire: WireType::U16, order: Order::Abcd };
    mixed.points.push((PointIx(7), input, Duration::from_secs(1)));
    let mut world = World::new(&[mixed], false);
    world.run(6000, |_, address, _| if address == 9 { Does::Refuse(1) } else { Does::Answer });
    assert_eq!(world.unsupported(), [PointIx(7)]);
    assert_eq!((world.last(7), world.last(1001)), ("bad_unsupported", "good"));
}

#[test]
fn a_busy_device_is_asked_less_often() {
    let mut world = World::new(&[device(1, &[0], &[])], false);
    world.run(600_000, |_, _, _| Does::Refuse(6));
    assert!((12..30).contains(&world.asked.len()), "{}", world.asked.len());
    assert_eq!(world.last(1000), "bad_refused");
    assert_eq!(world.states(), [LinkState::Up], "it answers");
    world.run(61_000, |_, _, _| Does::Answer);
    assert_eq!(world.last(1000), "good");
}

#[test]
fn a_gateway_that_speaks_for_a_dead_unit_is_silence() {
    let mut world = World::new(&[device(1, &[0], &[])], false);
    world.run(5000, |_, _, _| Does::Refuse(11));
    assert_eq!(world.last(1000), "bad_timeout");
    assert_eq!(world.states(), [LinkState::Quarantined]);
}

#[test]
fn one_lost_packet_costs_one_reading() {
    let mut world = World::new(&[device(1, &[0, 1], &[])], false);
    world.run(10_000, |_, _, _| Does::Answer);
    let lost = world.asked.len();
    world.run(1900, |_, _, count| if count == 2 { Does::Nothing } else { Does::Answer });
    assert_eq!(world.asked[lost + 1].3, 1, "a short probe at once");
    world.run(3000, |_, _, _| Does::Answer);
    assert_eq!(world.last(1001), "good");
    assert_eq!(world.states(), [LinkState::Up], "nobody is told of one lost packet");
}

#[test]
fn no_probe_has_the_shape_of_a_request_that_may_still_be_answered() {
    for addresses in [vec![0], vec![0, 1], vec![0, 1, 2], (0..9).collect()] {
        let mut world = World::new(&[device(1, &addresses, &[])], true);
        world.run(300_000, |_, _, _| Does::Nothing);
        let counts: Vec<u16> = world.asked.iter().map(|a| a.3).collect();
        assert!(counts.len() > 8);
        for near in counts.windows(SHAPES + 1) {
            let last = near[SHAPES];
            assert!(!near[..SHAPES].contains(&last), "{counts:?}");
        }
    }
}

#[test]
fn after_a_stop_of_a_minute_each_request_goes_once() {
    let devices: Vec<_> = (1..=10).map(|unit| device(unit, &[0], &[])).collect();
    let mut world = World::new(&devices, false);
    world.run(5000, |_, _, _| Does::Answer);
    let before = world.asked.len();
    world.now += 60_000;
    let resumed = world.now;
    world.run(100, |_, _, _| Does::Answer);
    let burst = world.asked[before..].iter().filter(|a| a.0 < resumed + 100).count();
    assert!(burst <= 12, "{burst}");
    assert_eq!(world.states().len(), 10, "no change of any link");
    let missed: u64 = world.poller.stats().map(|(_, s)| s.missed).sum();
    assert!((2 * 590..=2 * 600).contains(&missed), "{missed}: on the line and on the devices");
}

#[test]
fn a_late_frame_of_a_silent_unit_brings_a_patient_probe() {
    let devices = [device(1, &[0], &[]), device(2, &[0], &[])];
    let mut world = World::new(&devices, false);
    let one_dead = |unit: u8, _: u16, _: u16| if unit == 2 { Does::Nothing } else { Does::Answer };
    world.run(60_000, one_dead);
    let asked = world.asked.len();
    let mut late = Rejects::default();
    late.enter(crate::southbound::modbus::matcher::Reason::Late { unit: 2 });
    let job = loop {
        match world.poller.next(BootMs(world.now)) {
            Step::Ask(job) => break job,
            Step::Wait(at) => world.now = at.0,
            Step::Idle => panic!("a live unit is due every second"),
        }
    };
    world.poller.rejected(&job, late, BootMs(world.now));
    world.ask(&job, &one_dead);
    world.run(5000, |_, _, _| Does::Answer);
    let probe = world.asked[asked..].iter().find(|a| a.1 == 2);
    assert!(probe.is_some_and(|p| p.0 < world.now), "{:?}", &world.asked[asked..]);
    assert_eq!(world.last(2000), "good");
}
