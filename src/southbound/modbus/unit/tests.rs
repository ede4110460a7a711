//! Health of one unit: suspect, quarantine, probes, recovery.

use super::*;

#[test]
fn silence_leads_into_quarantine_and_one_answer_out_of_it() {
    let mut unit = UnitHealth::new(1000, 0);
    assert_eq!(unit.answered(), Turn::Up);
    assert_eq!(unit.answered(), Turn::Same);
    assert_eq!(unit.silent(BootMs(0), false), Turn::Suspected);
    assert_eq!(unit.probe_at(), BootMs(0), "a lost packet is asked for again at once");
    assert_eq!(unit.answered(), Turn::Cleared);
    for turn in [Turn::Suspected, Turn::StillSilent, Turn::Quarantined, Turn::Same] {
        assert_eq!(unit.silent(BootMs(0), true), turn);
    }
    assert!(unit.rests());
    assert_eq!(unit.answered(), Turn::Up);
    assert!(!unit.rests());
}

#[test]
fn pauses_double_to_a_minute() {
    let mut unit = UnitHealth::new(1000, 0);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        unit.silent(BootMs(0), true);
        pauses.push((unit.probe_at().0 + 500) / 1000);
    }
    assert_eq!(pauses[..3], [0, 1, 1]);
    assert!(pauses.windows(2).skip(3).take(4).all(|w| w[1] > w[0]), "{pauses:?}");
    assert!(pauses.iter().all(|p| *p <= 66) && pauses[11] >= 54, "{pauses:?}");
}

#[test]
fn a_probe_waits_as_long_as_the_line_needs_and_sometimes_longer() {
    let mut unit = UnitHealth::new(1000, 0);
    assert_eq!(unit.probe_timeout_ms(0, 1000), 1000, "nothing known");
    assert_eq!(unit.probe_timeout_ms(2, 1000), 100);
    assert_eq!(unit.probe_timeout_ms(80, 1000), 240);
    assert_eq!(unit.probe_timeout_ms(80, 200), 200);
    unit.seen_late(BootMs(0));
    assert_eq!(unit.probe_timeout_ms(2, 1000), 1000, "it lives");
    let whole = (0..32).filter(|_| unit.silent(BootMs(0), true) != Turn::Up && unit.probe_timeout_ms(2, 1000) == 1000);
    assert_eq!(whole.count(), 2);
}

#[test]
fn the_usual_is_a_high_percentile() {
    let mut usual = Usual::default();
    assert_eq!(usual.p99_ms(), 0);
    (0..985).for_each(|_| usual.enter(900));
    (0..15).for_each(|_| usual.enter(30_000));
    assert_eq!(usual.p99_ms(), 32);
    (0..20_000).for_each(|_| usual.enter(900));
    assert_eq!(usual.p99_ms(), 1, "it forgets");
}

#[test]
fn silent_units_cost_a_twentieth_at_most() {
    let (mut budget, mut spent) = (Budget::new(BootMs(0), 1000), 0);
    for now in 0..600_000 {
        if budget.allows(BootMs(now), 200, 1000) {
            budget.spend(200);
            spent += 200;
        }
    }
    assert!((29_000..=32_000).contains(&spent), "{spent}");
    assert!(budget.allowed_at(200) > BootMs(599_999));
}
