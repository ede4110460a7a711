//! Tables: what is told of cameras that fall silent and come back, alone and together.

use std::time::Duration;

use super::*;
use crate::profile::vision::{EventMap, VisionProfile};
use crate::southbound::vision::{FetchConfig, StreamConfig};

fn source(camera: &str, way: Way) -> SourceConfig {
    let profile = VisionProfile {
        id: "p".into(),
        revision: 1,
        name: Text::default(),
        source: Vec::new(),
        evidence: String::new(),
        note: Text::default(),
        event: EventMap::default(),
        kinds: Vec::new(),
        actions: Vec::new(),
        stream: None,
        tests: Vec::new(),
    };
    let profile = Arc::new(profile);
    SourceConfig { camera: Arc::from(camera), profile, frame: None, way, fetch: None, silent_after: None }
}

fn stream(camera: &str, url: &str) -> SourceConfig {
    let url = url.to_owned();
    source(camera, Way::Stream(StreamConfig { url, credential: None, ca: None, silence: Duration::from_mins(1) }))
}

#[test]
fn cameras_hang_together_by_line_network_or_listener() {
    let check = |source: &SourceConfig, name: Option<&str>| assert_eq!(group(source).as_deref(), name, "{source:?}");
    let mqtt = Way::Mqtt { line: "field".into(), topic: "t".into(), credential: None };
    check(&source("a", mqtt), Some("line.field"));
    check(&stream("a", "http://10.0.9.21/events"), Some("network.10_0_9"));
    check(&stream("a", "https://10.0.9.22:8443/x"), Some("network.10_0_9"));
    check(&stream("a", "http://[2001:db8:0:7::21]/x"), Some("network.2001_db8_0_7"));
    check(&stream("a", "https://cam-3.south.example.com"), Some("network.south_example_com"));
    check(&stream("a", "http://nvr/"), None);
    let push = source("a", Way::Push { credential: "c".into() });
    check(&push, Some("vision.push"));
    assert!(!is_watched(&push), "it posts when something happens, and nobody said after how long that is odd");
    let fetch = FetchConfig { url: "http://10.0.9.30".into(), also: Vec::new(), credential: None, ca: None };
    let known = SourceConfig { fetch: Some(fetch), silent_after: Some(Duration::from_mins(1)), ..push };
    check(&known, Some("network.10_0_9"));
    assert!(is_watched(&known));
}

struct Bench {
    watch: Watch,
    seen: BTreeMap<Arc<str>, Presence>,
    now: BootMs,
}

impl Bench {
    /// So many cameras on one network, all heard unless `standing` (then nothing is known yet).
    fn new(cameras: usize, standing: bool) -> Self {
        let sources: Vec<_> = (0..cameras).map(|n| stream(&format!("c{n:02}"), "http://10.0.9.1/")).collect();
        let watch = Watch::new(&sources, |_| standing);
        let first = if standing { Presence::Unknown } else { Presence::Heard };
        let seen = sources.into_iter().map(|s| (s.camera, first.clone())).collect();
        let mut bench = Self { watch, seen, now: BootMs(1_000) };
        if !standing {
            let told = bench.look();
            assert_eq!(told.len(), cameras, "the first look is told of each: {told:?}");
        }
        bench
    }

    fn set(&mut self, cameras: impl IntoIterator<Item = usize>, presence: &Presence) -> &mut Self {
        for n in cameras {
            self.seen.insert(format!("c{n:02}").into(), presence.clone());
        }
        self
    }

    fn fall(&mut self, cameras: impl IntoIterator<Item = usize>) -> &mut Self {
        self.set(cameras, &Presence::Silent(Text::new("超时", "timed out")))
    }

    fn rise(&mut self, cameras: impl IntoIterator<Item = usize>) -> &mut Self {
        self.set(cameras, &Presence::Heard)
    }

    fn look(&mut self) -> Vec<String> {
        let told = self.watch.look(self.seen.clone(), self.now);
        let word = |told: &Told| match told {
            Told::Alone(camera, Some(why)) => format!("{camera} {}", why.en),
            Told::Alone(camera, None) => format!("{camera} ok"),
            Told::Together { group, silent, of, again, .. } => {
                format!("{group} {} of {of}{}", silent.len(), if *again { " again" } else { "" })
            }
            Told::Over(group) => format!("{group} over"),
        };
        told.iter().map(word).collect()
    }

    /// What is told over so many seconds, looked at every two.
    fn wait(&mut self, s: i64, want: &[&str]) -> &mut Self {
        let mut told = Vec::new();
        for _ in 0..(s / 2).max(1) {
            told.extend(self.look());
            self.now = self.now.plus(2_000);
        }
        assert_eq!(told, want, "at {} s", self.now.0 / 1000);
        self
    }
}

const ALL: &str = "network.10_0_9";

#[test]
fn a_dead_switch_is_one_trouble_and_a_dead_camera_its_own() {
    let mut b = Bench::new(30, false);
    b.fall([4]).wait(8, &[]).wait(60, &["c04 timed out"]);
    // One that came back is told at once, one that was never told needs no end.
    b.rise([4]).wait(2, &["c04 ok"]).fall([5]).wait(6, &[]).rise([5]).wait(20, &[]);
    // Two at once may be chance.
    b.fall([1, 2]).wait(60, &["c01 timed out", "c02 timed out"]).rise([1, 2]).wait(20, &["c01 ok", "c02 ok"]);
    // The switch: noticed of some a little later.
    b.fall(0..12).wait(4, &[]).fall(12..20).wait(4, &[]).fall(20..30).wait(60, &[&format!("{ALL} 30 of 30")]);
    // Most come back: nothing until too few are left for one cause; then the rest speak for themselves.
    b.rise(0..26).wait(60, &[]);
    b.rise(26..28).wait(60, &[&format!("{ALL} over"), "c28 timed out", "c29 timed out"]);
    b.rise(28..30).wait(2, &["c28 ok", "c29 ok"]);
}

#[test]
fn an_old_trouble_does_not_join_a_new_one_and_young_ones_do() {
    let mut b = Bench::new(10, false);
    b.fall([0]).wait(600, &["c00 timed out"]);
    // Two that had rung by themselves are taken into the one alarm.
    b.fall([1]).wait(20, &["c01 timed out"]).fall([2]).wait(20, &["c02 timed out"]);
    b.fall([3]).wait(60, &[&format!("{ALL} 3 of 10"), "c01 ok", "c02 ok"]);
    // Hardly grown is not told, grown by half is, and so is all of them but the old one.
    b.fall([4]).wait(60, &[]).fall([5, 6]).wait(60, &[&format!("{ALL} 6 of 10 again")]);
    b.fall([7, 8]).wait(60, &[]).fall([9]).wait(60, &[&format!("{ALL} 9 of 10 again")]);
    b.rise(0..10).wait(2, &["c00 ok", &format!("{ALL} over")]);
}

#[test]
fn a_group_that_never_comes_to_rest_is_judged_all_the_same() {
    let mut b = Bench::new(30, false);
    for n in 0..7 {
        b.fall([n]).wait(8, &[]);
    }
    b.fall([7]).wait(8, &[&format!("{ALL} 8 of 30")]);
}

#[test]
fn an_alarm_of_an_earlier_run_stands_until_all_are_known() {
    let mut b = Bench::new(4, true);
    b.wait(60, &[]).fall([0]).wait(60, &[]).rise([1, 2]).wait(60, &["c01 ok", "c02 ok"]);
    b.rise([3]).wait(60, &["c03 ok", &format!("{ALL} over"), "c00 timed out"]);
    // Still so: repeated, which the desk knows to be the same.
    let mut b = Bench::new(4, true);
    b.fall(0..4).wait(60, &[&format!("{ALL} 4 of 4"), "c00 ok", "c01 ok", "c02 ok", "c03 ok"]);
}

#[test]
fn two_cameras_are_no_group() {
    let mut b = Bench::new(2, false);
    b.fall([0, 1]).wait(2, &["c00 timed out", "c01 timed out"]);
    let mut b = Bench::new(2, true);
    b.wait(2, &[&format!("{ALL} over")]);
}
