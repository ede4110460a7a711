//! Learns the three classes, and chooses the thresholds of "dense".

use std::collections::BTreeMap;

use gatehouse::falling::class::{QUANTITIES, is_long};
use gatehouse::falling::judge::explain;

use crate::bodies::Throw;
use crate::campaign::{Outcome, Share, Stage, Truth, distinct, event};
use crate::net::{Net, Pace};
use crate::{SCENES_CHECK, SEED, SEED_CHECK, SEED_CHOICE, SIMULATORS, Simulator, write};

const PACE: Pace = Pace { units: 96, epochs: 24, decay: 5e-5 };

/// What the thresholds aim at in every simulator, per cent, and how much short of it weighs like how much: dense things let
/// go or gently and thrown hard or upwards (eight points over two storeys), all with five points, and look-alikes called
/// dense.
const AIMS: [(f64, f64); GROUPS] = [(99.2, 0.4), (97.5, 1.0), (81.0, 2.0), (0.8, -0.2)];

/// The groups of [`AIMS`].
const GROUPS: usize = 4;

struct Row {
    quantities: [f32; QUANTITIES],
    /// 0 dense, 1 light, 2 nothing falls.
    class: usize,
    name: &'static str,
    member: [bool; GROUPS],
    long: bool,
    judged: bool,
    /// What the weights that are in use say.
    now: [f32; 3],
}

fn row(stage: &Stage, outcome: &Outcome) -> Row {
    let quantities = explain(&stage.calibration, &event(&outcome.track));
    let points = distinct(&outcome.track);
    let whole = points >= 8 && outcome.track.span_m >= 2.0 * outcome.storey_m;
    let (class, name, member) = match outcome.truth {
        Truth::Fall(fall) => {
            let hard = matches!(fall.throw, Throw::Hard | Throw::Upward);
            let dense = fall.dense;
            let member = [dense && whole && !hard, dense && whole && hard, dense && points >= 5, false];
            (usize::from(!dense), fall.body, member)
        }
        Truth::Alike(alike) => (2, alike.name, [false, false, false, true]),
    };
    Row {
        quantities: quantities.map_or([0.0; QUANTITIES], |all| all.map(|quantity| quantity as f32)),
        class,
        name,
        member,
        long: quantities.is_some_and(|all| is_long(&all)),
        judged: quantities.is_some(),
        now: outcome
            .verdict
            .odds
            .map_or([0.0, 0.0, 1.0], |odds| [odds.dense, odds.light, odds.other].map(|odds| odds as f32)),
    }
}

/// Dense, light, other.
fn odds(net: &Net<QUANTITIES, 2>, row: &Row) -> [f32; 3] {
    if !row.judged {
        return [0.0, 0.0, 1.0];
    }
    shares(net.scores(&row.quantities))
}

fn shares([dense, light]: [f32; 2]) -> [f32; 3] {
    let most = dense.max(light).max(0.0);
    let raw = [(dense - most).exp(), (light - most).exp(), (-most).exp()];
    let sum: f32 = raw.iter().sum();
    raw.map(|share| share / sum)
}

/// Slope of the negative ln likelihood.
fn slope(row: &Row, scores: [f32; 2]) -> [f32; 2] {
    let odds = shares(scores);
    std::array::from_fn(|class| odds[class] - if row.class == class { 1.0 } else { 0.0 })
}

/// Learns from these simulators; says what came out; writes the weights if told to.
pub(crate) fn learn(known: &[Simulator], scenes: usize, write: bool) {
    let mut rows = Vec::new();
    for simulator in known {
        rows.extend(draw(simulator, SEED, scenes).into_iter().filter(|row| row.judged));
    }
    println!("{} tracks", rows.len());
    let net = Net::<QUANTITIES, 2>::learn(&rows, PACE, |row| &row.quantities, slope);
    drop(rows);
    let thresholds = choose(known, &|row| odds(&net, row));
    if write {
        write::class(&net, &thresholds.source());
    }
}

/// Thresholds for the weights that are in use.
pub(crate) fn rechoose(known: &[Simulator]) {
    println!("{}", choose(known, &|row| row.now).source());
}

fn choose(known: &[Simulator], odds: &dyn Fn(&Row) -> [f32; 3]) -> Thresholds {
    let seen = |simulator: &Simulator, seed| {
        let rows = draw(simulator, seed, SCENES_CHECK);
        let odds: Vec<[f32; 3]> = rows.iter().map(odds).collect();
        (rows, odds)
    };
    let whole = |simulator: &&Simulator| simulator.is_whole;
    let choice: Vec<_> = known.iter().filter(whole).map(|simulator| seen(simulator, SEED_CHOICE)).collect();
    let thresholds = Thresholds::choose(&choice);
    println!("{thresholds:?}");
    for simulator in SIMULATORS.iter().filter(whole) {
        report(simulator.name, &seen(simulator, SEED_CHECK), thresholds);
    }
    thresholds
}

fn draw(simulator: &Simulator, seed: u64, scenes: usize) -> Vec<Row> {
    simulator.gather((seed, scenes), (20, 20), &|stage, outcome| Some(row(stage, &outcome)))
}

/// For short tracks and for long ones.
#[derive(Clone, Copy, Debug)]
struct Thresholds {
    /// "Nothing falls" may be as likely as this.
    other_most: [f32; 2],
    /// Least share of dense among the falls.
    dense_share: [f32; 2],
}

const OTHER_STEPS: usize = 96;
const OTHER_STEP: f32 = 0.01;
/// On a short track dense is said of what is likelier dense than light: from this one of the shares on.
const SHORT_FROM: usize = 3;
const SHARES: [f32; 6] = [0.18, 0.25, 0.35, 0.5, 0.65, 0.8];

impl Thresholds {
    fn is_dense(&self, row: &Row, odds: [f32; 3]) -> bool {
        let long = usize::from(row.long);
        let [dense, light, other] = odds;
        row.judged && other <= self.other_most[long] && dense >= self.dense_share[long] * (dense + light)
    }

    /// Those that fall least short of [`AIMS`], all simulators together.
    fn choose(seen: &[(Vec<Row>, Vec<[f32; 3]>)]) -> Self {
        let counted: Vec<Counts> = seen.iter().map(|(rows, odds)| Counts::of(rows, odds)).collect();
        let mut best = (f64::INFINITY, Self { other_most: [0.1, 0.5], dense_share: [0.5, 0.25] });
        let steps = 1..OTHER_STEPS;
        for (long_share, long_other) in (0..SHARES.len()).flat_map(|a| steps.clone().map(move |b| (a, b))) {
            for (short_share, short_other) in
                (SHORT_FROM..SHARES.len()).flat_map(|a| steps.clone().map(move |b| (a, b)))
            {
                let mut cost: f64 = 0.0;
                for counts in &counted {
                    let passed = counts.percent([(short_share, short_other), (long_share, long_other)]);
                    // Beyond the aim a little is still better than nothing.
                    let short = |group: usize| (AIMS[group].0 - passed[group]) / AIMS[group].1;
                    cost += (0..GROUPS).map(|group| short(group).max(0.02 * short(group))).sum::<f64>();
                }
                if cost < best.0 {
                    let other_most = [short_other, long_other].map(|step| step as f32 * OTHER_STEP);
                    best = (cost, Self { other_most, dense_share: [SHARES[short_share], SHARES[long_share]] });
                }
            }
        }
        best.1
    }

    fn source(&self) -> String {
        let pair = |[short, long]: [f32; 2]| format!("[{short:.2}, {long:.2}]");
        format!(
            "\n/// \"Nothing falls\" may be as likely as this where \"dense\" is said: on a short track, on a long one.\n\
             pub(in crate::falling) const OTHER_MOST: [f64; 2] = {};\n\
             /// Dense rather than light: its share of the falls, on a short track and on a long one.\n\
             pub(in crate::falling) const DENSE_SHARE: [f64; 2] = {};\n",
            pair(self.other_most),
            pair(self.dense_share)
        )
    }
}

/// How many of each group pass, for every pair of thresholds of short and of long tracks.
struct Counts {
    passed: Vec<[u32; GROUPS]>,
    all: [u32; GROUPS],
}

impl Counts {
    fn place(long: usize, share: usize, other: usize) -> usize {
        (long * SHARES.len() + share) * OTHER_STEPS + other
    }

    fn of(rows: &[Row], odds: &[[f32; 3]]) -> Self {
        let mut counts = Self { passed: vec![[0; GROUPS]; 2 * SHARES.len() * OTHER_STEPS], all: [0; GROUPS] };
        for (row, [dense, light, other]) in rows.iter().zip(odds) {
            add(&mut counts.all, row.member);
            let (least, from) = (dense / (dense + light).max(1e-9), (other / OTHER_STEP).ceil() as usize);
            for share in (0..SHARES.len()).filter(|share| row.judged && least >= SHARES[*share]) {
                for step in from.max(1)..OTHER_STEPS {
                    add(&mut counts.passed[Self::place(usize::from(row.long), share, step)], row.member);
                }
            }
        }
        counts
    }

    fn percent(&self, [short, long]: [(usize, usize); 2]) -> [f64; GROUPS] {
        let (short, long) =
            (self.passed[Self::place(0, short.0, short.1)], self.passed[Self::place(1, long.0, long.1)]);
        std::array::from_fn(|group| 100.0 * f64::from(short[group] + long[group]) / f64::from(self.all[group].max(1)))
    }
}

fn add(to: &mut [u32; GROUPS], member: [bool; GROUPS]) {
    for (to, is_member) in to.iter_mut().zip(member) {
        *to += u32::from(is_member);
    }
}

fn report(name: &str, (rows, odds): &(Vec<Row>, Vec<[f32; 3]>), thresholds: Thresholds) {
    let mut groups = [Share::default(); GROUPS];
    let mut kinds: BTreeMap<&str, Share> = BTreeMap::new();
    let mut sure = [(Share::default(), 0.0); 5];
    for (row, odds) in rows.iter().zip(odds) {
        let dense = thresholds.is_dense(row, *odds);
        for (share, _) in groups.iter_mut().zip(row.member).filter(|(_, is_member)| *is_member) {
            share.add(dense);
        }
        if row.class == 2 {
            kinds.entry(row.name).or_default().add(dense);
        }
        if dense && row.class != 1 {
            let place = ((odds[0] * 5.0) as usize).min(4);
            sure[place].0.add(row.class == 0);
            sure[place].1 += f64::from(odds[0]);
        }
    }
    let [soft, hard, recall, alikes] = groups.map(Share::percent);
    print!("{name:8} soft {soft:.2} hard {hard:.2} recall {recall:.2} false {alikes:.2}");
    for (kind, share) in kinds.into_iter().filter(|(_, share)| share.percent() > 1.0) {
        print!(" | {kind} {:.1}", share.percent());
    }
    for (share, stated) in sure.into_iter().filter(|(share, _)| share.all > 0) {
        print!(" | said {:.2} right {:.2}", stated / share.all as f64, share.percent() / 100.0);
    }
    println!();
}
