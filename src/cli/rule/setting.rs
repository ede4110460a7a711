//! `--set key=value`: one rule of a checked configuration with other settings. Pure.
//!
//! The names are those of the site file and the profiles. What comes out is a configuration again, so that the rule is
//! built by the same code as live; bounds that the builder holds (a count, a window) are not repeated here.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::model::text::{Lang, Text};
use crate::profile::{Condition, Profile, Setting, Side};
use crate::text::quantity;
use crate::text::suggest::{did_you_mean, list};

/// Why a name or a setting cannot be used: wrong usage of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.en)]
pub(super) struct SettingFault(pub(super) Text);

fn fault(zh: impl AsRef<str>, en: impl AsRef<str>) -> SettingFault {
    SettingFault(Text::new(zh.as_ref(), en.as_ref()))
}

/// All keys that a rule can be asked for by: `device.alarm` and `rule.name`.
pub(super) fn keys(config: &Config) -> Vec<String> {
    let alarms = config.devices.iter().flat_map(|d| d.profile.alarms.iter().map(move |a| format!("{}.{}", d.id, a.id)));
    alarms.chain(config.rules.iter().map(|r| format!("rule.{}", r.id))).collect()
}

/// The key meant by `name`: itself, or a site rule without its `rule.`.
pub(super) fn resolve(config: &Config, name: &str) -> Result<String, SettingFault> {
    let all = keys(config);
    let wanted = [name.to_owned(), format!("rule.{name}")];
    if let Some(found) = wanted.into_iter().find(|w| all.contains(w)) {
        return Ok(found);
    }
    let bare = config.rules.iter().map(|r| r.id.as_str());
    // A device's own alarms are the likelier choice than a dozen of the whole site's.
    let device = name.split('.').next().unwrap_or(name);
    let own: Vec<&str> = all.iter().map(String::as_str).filter(|k| k.split('.').next() == Some(device)).collect();
    let help = if own.is_empty() || name == device {
        did_you_mean(name, bare.chain(all.iter().map(String::as_str)))
    } else {
        did_you_mean(name, own)
    };
    let help = help.unwrap_or_else(|| Text::new("站点没有任何规则", "the site has no rules at all"));
    let known = format!("`{name}`");
    Err(fault(
        format!("没有名为 {known} 的规则；{}", help.get(Lang::Zh)),
        format!("no rule is called {known}; {}", help.get(Lang::En)),
    ))
}

/// The configuration with one rule set otherwise.
pub(super) fn changed(config: &Config, key: &str, sets: &[String]) -> Result<Config, SettingFault> {
    let mut config = config.clone();
    for set in sets {
        let (name, value) =
            set.split_once('=').map(|(n, v)| (n.trim(), v.trim())).filter(|(n, _)| !n.is_empty()).ok_or_else(|| {
                fault(
                    format!("`{set}` 应写为 名称=值，如 above=90"),
                    format!("`{set}` must be name=value, as in above=90"),
                )
            })?;
        let Some(target) = Target::of(&mut config, key) else { continue };
        target.set(name, value)?;
    }
    Ok(config)
}

/// What of a rule can be set.
struct Target<'a> {
    condition: &'a mut Condition,
    on_delay: &'a mut Duration,
    off_delay: &'a mut Duration,
    /// Parameters of the device and their names, for an alarm of a profile.
    params: Vec<(&'a str, &'a mut f64)>,
}

/// A place that a value goes to.
enum Slot<'a> {
    Number(&'a mut Setting),
    Sided(&'a mut Side, &'a mut Setting, Side),
    Time(&'a mut Duration),
    Values(&'a mut Vec<f64>),
    Expression(&'a mut String),
    Param(&'a mut f64),
}

impl<'a> Target<'a> {
    fn of(config: &'a mut Config, key: &str) -> Option<Self> {
        let (device, id) = key.split_once('.')?;
        if device == "rule"
            && let Some(at) = config.rules.iter().position(|r| r.id.as_str() == id)
        {
            let rule = config.rules.get_mut(at)?;
            let (on_delay, off_delay) = (&mut rule.on_delay, &mut rule.off_delay);
            return Some(Self { condition: &mut rule.condition, on_delay, off_delay, params: Vec::new() });
        }
        let device = config.devices.iter_mut().find(|d| d.id.as_str() == device)?;
        let params = device.params.iter_mut().map(|(name, value)| (name.as_str(), value)).collect();
        let profile: &mut Profile = Arc::make_mut(&mut device.profile);
        let alarm = profile.alarms.iter_mut().find(|a| a.id.as_str() == id)?;
        let (on_delay, off_delay) = (&mut alarm.on_delay, &mut alarm.off_delay);
        Some(Self { condition: &mut alarm.condition, on_delay, off_delay, params })
    }

    fn set(self, name: &str, value: &str) -> Result<(), SettingFault> {
        let own = names(self.condition);
        let mut known: Vec<String> = own.iter().chain(&["for", "off_delay"]).map(|n| (*n).to_owned()).collect();
        known.extend(self.params.iter().map(|(n, _)| (*n).to_owned()));
        let slot = match name {
            "for" => Some(Slot::Time(self.on_delay)),
            "off_delay" => Some(Slot::Time(self.off_delay)),
            name if own.contains(&name) => slot(self.condition, name),
            name => self.params.into_iter().find(|(n, _)| *n == name).map(|(_, value)| Slot::Param(value)),
        };
        match slot {
            Some(slot) => slot.put(name, value),
            None => Err(unknown(name, &known)),
        }
    }
}

fn unknown(name: &str, known: &[String]) -> SettingFault {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let near = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| Text::same(&list(&known)));
    fault(
        format!("此规则没有名为 `{name}` 的设置；{}", near.get(Lang::Zh)),
        format!("this rule has no setting `{name}`; {}", near.get(Lang::En)),
    )
}

/// Settings of a condition besides its delays.
fn names(condition: &Condition) -> &'static [&'static str] {
    match condition {
        Condition::Limit { .. } => &["above", "below", "hysteresis"],
        Condition::State { .. } => &["is"],
        Condition::Rate { .. } => &["above", "below", "window"],
        Condition::Count { .. } => &["count", "window"],
        Condition::Absence { .. } => &["after"],
        Condition::Trend { .. } => &["above", "below", "within", "learn"],
        Condition::Change { .. } => &["learn"],
        Condition::Anomaly { .. } | Condition::DeviceAnomaly { .. } => &["every", "learn"],
        Condition::Baseline { .. } => &["deviation"],
        Condition::Peer { .. } => &["deviations"],
        Condition::When(_) => &["when"],
    }
}

fn slot<'a>(condition: &'a mut Condition, name: &str) -> Option<Slot<'a>> {
    let to = if name == "above" { Side::Above } else { Side::Below };
    Some(match (condition, name) {
        (
            Condition::Limit { side, limit: value, .. }
            | Condition::Rate { side, per_minute: value, .. }
            | Condition::Trend { side, limit: value, .. },
            "above" | "below",
        ) => Slot::Sided(side, value, to),
        (
            Condition::Limit { hysteresis: value, .. }
            | Condition::Count { count: value, .. }
            | Condition::Baseline { deviation: value, .. }
            | Condition::Peer { deviations: value, .. },
            "hysteresis" | "count" | "deviation" | "deviations",
        ) => Slot::Number(value),
        (Condition::Rate { window, .. } | Condition::Count { window, .. }, "window") => Slot::Time(window),
        (Condition::Absence { after, .. }, "after") => Slot::Time(after),
        (Condition::Trend { within, .. }, "within") => Slot::Time(within),
        (Condition::Anomaly { every, .. } | Condition::DeviceAnomaly { every, .. }, "every") => Slot::Time(every),
        (
            Condition::Trend { learn, .. }
            | Condition::Anomaly { learn, .. }
            | Condition::Change { learn, .. }
            | Condition::DeviceAnomaly { learn, .. },
            "learn",
        ) => Slot::Time(learn),
        (Condition::State { values, .. }, "is") => Slot::Values(values),
        (Condition::When(text), "when") => Slot::Expression(text),
        _ => return None,
    })
}

impl Slot<'_> {
    fn put(self, name: &str, value: &str) -> Result<(), SettingFault> {
        match self {
            Slot::Number(setting) => *setting = Setting::Number(number(name, value)?),
            Slot::Sided(side, setting, to) => (*side, *setting) = (to, Setting::Number(number(name, value)?)),
            Slot::Time(time) => *time = duration(name, value)?,
            Slot::Values(values) => {
                *values = value.split(',').map(|v| number(name, v.trim())).collect::<Result<_, _>>()?;
            }
            Slot::Expression(text) => value.clone_into(text),
            Slot::Param(param) => *param = number(name, value)?,
        }
        Ok(())
    }
}

fn number(name: &str, value: &str) -> Result<f64, SettingFault> {
    value
        .parse()
        .ok()
        .filter(|v: &f64| v.is_finite())
        .ok_or_else(|| fault(format!("{name}：`{value}` 不是数"), format!("{name}: `{value}` is not a number")))
}

/// A duration as in the site file; also used for `--from`.
pub(super) fn duration(name: &str, value: &str) -> Result<Duration, SettingFault> {
    quantity::duration(value).map_err(|c| {
        let say = |lang| format!("{name}: {}; {}", c.message.get(lang), c.help.get(lang));
        fault(say(Lang::Zh), say(Lang::En))
    })
}

/// What the builder of the rules said.
pub(super) fn refused(why: &dyn std::fmt::Display) -> SettingFault {
    SettingFault(Text::same(&why.to_string()))
}
