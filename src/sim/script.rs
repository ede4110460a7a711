//! What happens to simulated devices, and when: a small TOML file that runs round. Pure.
//!
//! ```toml
//! round_s = 180                                  # then from the start again
//! noise = 0.01                                   # relative noise on every measured number
//! [base]
//! "b3_pump_1.pressure" = 0.42                    # engineering value when nothing happens
//! [[step]]
//! at_s = 6
//! say = { zh = "3号楼 1201 冒烟", en = "Smoke in 3-1201" }
//! set = { "smoke_3_1201.smoke" = 1 }             # until released or the round ends
//! ramp = { "b3_pump_1.bearing" = { to = 96, over_s = 40 } }
//! release = ["gate_1.held"]
//! silent = ["b5_meter"]                          # stops answering
//! back = ["b5_meter"]
//! cloud = "down"                                 # or "up"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::text::Text;

/// A whole script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Length of a round in seconds; 0 runs once.
    pub round_s: f64,
    /// Relative noise on measured numbers.
    pub noise: f64,
    /// Values when nothing happens, by `device.point`.
    pub base: BTreeMap<String, Figure>,
    /// What happens, in order of time.
    pub step: Vec<Step>,
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// An engineering value.
    Number(f64),
    /// A text.
    Text(String),
}

/// One moment of the script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Seconds from the start of the round.
    pub at_s: f64,
    /// Told on the console.
    pub say: Option<Text>,
    /// Values from now on.
    pub set: BTreeMap<String, f64>,
    /// Values that move in a straight line from where they are.
    pub ramp: BTreeMap<String, Ramp>,
    /// Points that go back to their base.
    pub release: Vec<String>,
    /// Devices that stop answering.
    pub silent: Vec<String>,
    /// Devices that answer again.
    pub back: Vec<String>,
    /// The cloud goes away or comes back.
    pub cloud: Option<Cloud>,
}

/// A straight move.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Final value.
    pub to: f64,
    /// Seconds it takes.
    pub over_s: f64,
}

/// Whether the cloud can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// Refuses connections.
    Down,
    /// Works.
    Up,
}

/// The state of affairs at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    /// Values that differ from the base.
    pub forced: BTreeMap<String, f64>,
    /// Devices that do not answer.
    pub silent: BTreeSet<String>,
    /// The cloud is away.
    pub cloud_down: bool,
    /// How many steps of this round have begun.
    pub steps_done: usize,
}

impl Script {
    /// Reads a script.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut script: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        script.step.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Ok(script)
    }

    /// The base value of a point, if the script gives one.
    #[must_use]
    pub fn base(&self, key: &str) -> Option<&Figure> {
        self.base.get(key)
    }

    /// State `elapsed_s` after the start, and the number of full rounds before it.
    #[must_use]
    pub fn at(&self, elapsed_s: f64) -> (u64, Moment) {
        let rounds = if self.round_s > 0.0 { (elapsed_s / self.round_s).floor().max(0.0) } else { 0.0 };
        let t = elapsed_s - rounds * self.round_s;
        let mut moment = Moment::default();
        for step in self.step.iter().take_while(|s| s.at_s <= t) {
            self.begin(step, t, &mut moment);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rounds = rounds as u64;
        (rounds, moment)
    }

    fn begin(&self, step: &Step, t: f64, moment: &mut Moment) {
        moment.steps_done += 1;
        for (key, value) in &step.set {
            moment.forced.insert(key.clone(), *value);
        }
        for (key, ramp) in &step.ramp {
            let from = moment.forced.get(key).copied().or_else(|| match self.base.get(key) {
                Some(Figure::Number(v)) => Some(*v),
                _ => None,
            });
            let from = from.unwrap_or(0.0);
            let done = ((t - step.at_s) / ramp.over_s.max(0.001)).clamp(0.0, 1.0);
            moment.forced.insert(key.clone(), from + (ramp.to - from) * done);
        }
        for key in &step.release {
            moment.forced.remove(key);
        }
        moment.silent.extend(step.silent.iter().cloned());
        for device in &step.back {
            moment.silent.remove(device);
        }
        if let Some(cloud) = step.cloud {
            moment.cloud_down = cloud == Cloud::Down;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
        round_s = 100
        [base]
        "p.temperature" = 40.0
        [[step]]
        at_s = 10
        set = { "s.smoke" = 1 }
        ramp = { "p.temperature" = { to = 90, over_s = 20 } }
        [[step]]
        at_s = 50
        release = ["s.smoke", "p.temperature"]
        silent = ["m"]
        cloud = "down"
    "#;

    #[test]
    fn a_script_runs_round() {
        let script = Script::parse(SCRIPT).expect("parses");
        let check = |t: f64, round: u64, smoke: Option<f64>, temperature: Option<f64>, silent: bool| {
            let (rounds, now) = script.at(t);
            assert_eq!(rounds, round, "at {t}");
            assert_eq!(now.forced.get("s.smoke").copied(), smoke, "at {t}");
            assert_eq!(now.forced.get("p.temperature").copied(), temperature, "at {t}");
            assert_eq!((now.silent.contains("m"), now.cloud_down), (silent, silent), "at {t}");
        };
        check(0.0, 0, None, None, false);
        check(10.0, 0, Some(1.0), Some(40.0), false);
        check(20.0, 0, Some(1.0), Some(65.0), false);
        check(49.0, 0, Some(1.0), Some(90.0), false);
        check(50.0, 0, None, None, true);
        check(105.0, 1, None, None, false);
        check(220.0, 2, Some(1.0), Some(65.0), false);
    }
}
