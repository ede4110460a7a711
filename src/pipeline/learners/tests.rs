//! What is copied to the live table, counted.

use super::*;
use crate::model::id::PointIx;
use crate::model::live::Live;
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::profile::Side;
use crate::rules::Test;

const RULES: usize = 1_000;
/// The one whose point is on its way to the limit.
const WARMING: usize = 7;
const WARMS_FROM_S: i64 = 300;

fn rules() -> Vec<RuleDef> {
    let rule = |ix: usize| RuleDef {
        key: format!("pump_{ix}.soon_hot").into(),
        test: Test::Trend {
            point: PointIx::at(ix),
            side: Side::Above,
            limit: 90.0,
            within_ms: 3_600_000,
            learn_ms: 100_000,
        },
        on_delay_ms: 0,
        off_delay_ms: 0,
    };
    (0..RULES).map(rule).collect()
}

/// Steady at 48 degrees with a breath of noise; one point warms by a twentieth of a degree a second.
fn value(ix: usize, s: i64) -> f64 {
    let noise = ((s as f64 + ix as f64) * 0.618_033_988_749_895).fract() * 0.2;
    let warm = if ix == WARMING { (s - WARMS_FROM_S).max(0) as f64 * 0.05 } else { 0.0 };
    48.0 + noise + warm
}

#[test]
fn only_what_would_read_otherwise_is_copied() {
    let defs = rules();
    let mut engine = Engine::new(&defs, RULES, BootMs(0), &|_| false);
    let mut learners = Learners::new(&defs, &[], BootMs(0));
    let live = Live::new(RULES, 1, 1, BootMs(0));
    live.set_outlooks(learners.outlooks(&engine));
    let (mut learning, mut steady, mut warming, mut out) = (0, 0, 0, Vec::new());
    for s in 0..600 {
        let reading = |ix: usize| Reading {
            point: PointIx::at(ix),
            quality: Quality::Good,
            at: BootMs(s * 1_000),
            source_ms: None,
            value: Value::Number(value(ix, s)),
        };
        engine.step(&(0..RULES).map(reading).collect::<Vec<_>>(), &mut out);
        let changed = learners.changed(&engine);
        let own = changed.iter().filter(|(position, _)| *position == WARMING).count();
        match s {
            0..=100 => learning += changed.len(),
            WARMS_FROM_S.. => (steady, warming) = (steady + changed.len() - own, warming + own),
            _ => steady += changed.len(),
        }
        live.update_outlooks(changed);
    }
    assert!(learning <= 101 * RULES, "a hundredth of the commissioning each second: {learning}");
    // Ten minutes of a thousand rules would have been half a million copies.
    assert!(steady <= RULES, "rules that stand still: {steady} copies");
    assert!((20..300).contains(&warming), "the one that moves: {warming} copies");
    // What the table holds is what the engine would tell now, to the hundredth.
    let told = live.outlooks(PointIx(0), 0);
    let fresh = learners.outlooks(&engine);
    assert_eq!(told.len(), RULES);
    for (told, fresh) in told.iter().zip(&fresh) {
        assert_eq!((&told.key, &told.points), (&fresh.key, &fresh.points));
        let standing = |o: &Outlook| Standing { progress: o.progress, ahead: o.ahead };
        assert!(!standing(fresh).differs(&standing(told)), "{told:?} {fresh:?}");
    }
    assert!(told[WARMING].ahead.is_some() && told[WARMING].progress >= 1.0);
    // Learning anew shows at once.
    assert_eq!(learners.relearn(&mut engine, "pump_7"), 1);
    assert_eq!(learners.changed(&engine), [(WARMING, Standing::default())]);
}
