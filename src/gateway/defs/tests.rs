//! Rules of the site file: which device and place their alarms speak of.

use super::*;
use crate::alarms::Desk;
use crate::config::expr::Unchecked;
use crate::config::load;
use crate::config::shipped::SHIPPED;
use crate::gateway::tables::tables;
use crate::model::condition::{ConditionChange, Tri};
use crate::model::finding::{Finding, FindingKind, SuspectPoint};
use crate::model::id::RuleIx;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};

/// Four pumps on one line, each in its own house, and the rule `odd` with this condition.
fn config(condition: &str) -> Config {
    let mut text =
        String::from("version = 1\nsite = { id = 's', name = 's' }\n[line.field]\ntcp = { host = '127.0.0.1' }\n");
    for n in 1..=4 {
        text.push_str(&format!(
            "[device.pump_{n}]\nname = 'Pump {n}'\nat = 'House {n}/Cellar'\nprofile = 'pump/vfd_generic'\nline = 'field'\n\
             unit = {n}\n"
        ));
    }
    text.push_str(&format!("[rule.odd]\n{condition}\nlevel = 'minor'\ntitle = 'odd'\n"));
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("site.toml");
    std::fs::write(&file, text).expect("written");
    let loaded = load(&file, &[], &SHIPPED, &Unchecked);
    loaded.config.unwrap_or_else(|| panic!("{condition}: {:?}", loaded.diagnostics))
}

/// The alarm of the rule, raised: device, its name and its place.
fn check(condition: &str, expected: (&str, &str, &str)) {
    let config = config(condition);
    let site = tables(&config);
    let defs = definitions(&config, &site).expect("fits");
    let rule = defs.rules.iter().position(|rule| &*rule.key == "rule.odd").expect("defined");
    let now = Anchor { boot: BootMs(1_000), wall: WallMs(1_000), trust: Trust::Synced };
    let (mut desk, mut out) = Desk::new(1, defs.alarms, &site, &[], Vec::new(), &now);
    let suspect = |point| SuspectPoint { point, expected_low: 0.0, expected_high: 1.0, seen: 2.0, share: 1.0 };
    let suspects = defs.rules[rule].test.points().into_iter().map(suspect).collect();
    let finding = Finding { kind: FindingKind::Level, for_ms: 0, confidence: 1.0, suspects, ahead: None };
    let change = ConditionChange {
        rule: RuleIx::at(rule),
        to: Tri::True,
        at: now.boot,
        value: Some(2.0),
        limit: None,
        finding: Some(Box::new(finding)),
    };
    desk.condition(&change, &now, &|_| Vec::new(), &mut out);
    let alarm = &out.last().expect("raised").alarm;
    assert_eq!((&*alarm.device, &*alarm.device_name, &*alarm.at), expected, "{condition}");
}

#[test]
fn a_rule_over_one_device_speaks_of_it_and_a_rule_over_several_of_none() {
    let second = ("pump_2", "Pump 2", "House 2/Cellar");
    let none = ("", "", "");
    check("anomaly = { point = 'pump_2.pressure', learn = '7d' }", second);
    check("trend = { point = 'pump_2.bearing_temperature', above = 90, within = '24h' }", second);
    check("device_anomaly = { points = ['pump_2.flow', 'pump_2.current'], every = '10s' }", second);
    check("device_anomaly = { points = ['pump_2.flow', 'pump_3.flow'], every = '10s' }", none);
    check("when = 'pump_2.running && pump_2.pressure < 0.1'", second);
    check("when = 'pump_2.running && pump_3.pressure < 0.1'", none);
    check("limit = { point = 'pump_2.pressure', above = 1 }", second);
    // Held against the others, it is still this one that stands apart.
    check(
        "peer = { point = 'pump_2.vibration', peers = ['pump_1.vibration', 'pump_3.vibration', 'pump_4.vibration'] }",
        second,
    );
}
