//! From profiles and site rules to the engines' definitions: conditioning per point, rules, alarms, limit lines. Pure.
//!
//! Rules and alarms are made side by side, in one order: the engine's rule number is the desk's.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alarms::AlarmDef;
use crate::api::ports::LimitLine;
use crate::conditioning::PointRule;
use crate::config::{Config, DeviceConfig, RuleConfig};
use crate::model::alarm::{AlarmText, Level};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::reading::PointKind;
use crate::model::site::Site;
use crate::pipeline::DerivedPoint;
use crate::profile::{Condition, PointSource};
use crate::rules::expr::{Expr, VarKind};
use crate::rules::{Names, RuleDef, RuleFault, Test, define};

/// Everything the pipeline is made of.
#[derive(Debug, Default)]
pub(super) struct Defs {
    /// Treatment of every point.
    pub(super) points: Vec<PointRule>,
    /// Rules.
    pub(super) rules: Vec<RuleDef>,
    /// Alarms, one per rule.
    pub(super) alarms: Vec<AlarmDef>,
    /// Limits to draw into trends.
    pub(super) limits: BTreeMap<PointIx, Vec<LimitLine>>,
    /// Points computed from others of their device.
    pub(super) derived: Vec<DerivedPoint>,
}

/// A rule that does not fit the site. The check of the configuration finds all of these first, with their places.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {fault}")]
pub struct DefFault {
    /// `device.alarm`, `device.point` or `rule.name`.
    pub key: String,
    /// What is wrong.
    pub fault: RuleFault,
}

/// Makes the definitions.
pub(super) fn definitions(config: &Config, site: &Site) -> Result<Defs, DefFault> {
    let mut defs = Defs::default();
    for ((ix, device), info) in (0u32..).zip(&config.devices).zip(&site.devices) {
        let every = config.lines.get(device.line).map_or(Duration::from_secs(1), |l| l.every);
        defs.points.extend(PointRule::of_device(&device.profile, info.first_point, every));
        let names = DeviceNames { device, first: info.first_point };
        for alarm in &device.profile.alarms {
            let key = format!("{}.{}", device.id, alarm.id);
            let rule = define(&key, &alarm.condition, alarm.on_delay, alarm.off_delay, &names);
            let rule = rule.map_err(|fault| DefFault { key, fault })?;
            let about = About {
                device: Some(DeviceIx(ix)),
                level: alarm.level,
                text: &alarm.text,
                latched: alarm.latched,
                shadow: alarm.shadow,
                condition: &alarm.condition,
            };
            defs.add(rule, &about, site);
        }
        defs.derive(device, &names)?;
    }
    for rule in &config.rules {
        defs.site_rule(rule, site)?;
    }
    defs.derived = in_order(defs.derived);
    Ok(defs)
}

/// Each computed point after those it needs. Points that need each other in a circle keep their order and stay unknown.
fn in_order(mut waiting: Vec<DerivedPoint>) -> Vec<DerivedPoint> {
    let mut ordered: Vec<DerivedPoint> = Vec::with_capacity(waiting.len());
    loop {
        let open: Vec<u32> = waiting.iter().map(|d| d.point.0).collect();
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|d| !d.program.slots().iter().any(|slot| open.contains(slot)));
        let stuck = ready.is_empty();
        ordered.extend(ready);
        waiting = rest;
        if stuck || waiting.is_empty() {
            ordered.extend(waiting);
            return ordered;
        }
    }
}

/// What an alarm adds to its rule.
struct About<'a> {
    device: Option<DeviceIx>,
    level: Level,
    text: &'a AlarmText,
    latched: bool,
    shadow: bool,
    condition: &'a Condition,
}

impl Defs {
    fn add(&mut self, rule: RuleDef, about: &About<'_>, site: &Site) {
        let watched = rule.test.points();
        let first = watched.first().and_then(|p| site.points.get(p.ix()));
        if let Test::Limit { point, limit, .. } = &rule.test {
            let line = LimitLine { value: *limit, level: about.level, title: about.text.title.clone() };
            self.limits.entry(*point).or_default().push(line);
        }
        self.alarms.push(AlarmDef {
            key: rule.key.clone(),
            device: about.device,
            level: about.level,
            text: about.text.clone(),
            latched: about.latched,
            shadow: about.shadow,
            loss_of_sight: rule.test.is_loss_of_sight(),
            what: match about.condition {
                Condition::When(text) => text.clone(),
                _ => first.map(|p| p.key.to_string()).unwrap_or_default(),
            },
            unit: first.and_then(|p| p.unit).map(|u| u.code().to_owned()),
            snapshot: snapshot(about.device, &watched, site),
        });
        self.rules.push(rule);
    }

    fn derive(&mut self, device: &DeviceConfig, names: &DeviceNames<'_>) -> Result<(), DefFault> {
        for (offset, point) in (0u32..).zip(&device.profile.points) {
            let PointSource::Derived(text) = &point.source else { continue };
            let fault = |fault: RuleFault| DefFault { key: format!("{}.{}", device.id, point.id), fault };
            let mut kinds = |name: &str| {
                names.point(name).map(|(_, kind)| kind).or_else(|| names.param(name).map(|_| VarKind::Number))
            };
            let expr = match point.kind {
                PointKind::Switch => Expr::condition(text, &mut kinds),
                _ => Expr::number(text, &mut kinds),
            };
            let expr = expr.map_err(|f| fault(f.into()))?;
            let program = names.bind(&expr).ok_or_else(|| fault(RuleFault::UnknownPoint(text.clone())))?;
            self.derived.push(DerivedPoint { point: PointIx(names.first.0 + offset), program });
        }
        Ok(())
    }

    fn site_rule(&mut self, rule: &RuleConfig, site: &Site) -> Result<(), DefFault> {
        let key = format!("rule.{}", rule.id);
        let def = define(&key, &rule.condition, rule.on_delay, rule.off_delay, &SiteNames(site));
        let def = def.map_err(|fault| DefFault { key, fault })?;
        let about = About {
            device: subject(&def.test, site),
            level: rule.level,
            text: &rule.text,
            latched: rule.latched,
            shadow: rule.shadow,
            condition: &rule.condition,
        };
        self.add(def, &about, site);
        Ok(())
    }
}

/// The device that a rule of the site speaks of: the one that all its points belong to, or the one that is held against its
/// peers. None when it looks at several.
fn subject(test: &Test, site: &Site) -> Option<DeviceIx> {
    let device = |point: &PointIx| site.points.get(point.ix()).map(|info| info.device);
    let points = test.points();
    let first = device(points.first()?)?;
    (matches!(test, Test::Peer { .. }) || points.iter().all(|point| device(point) == Some(first))).then_some(first)
}

/// The watched points first, then the rest of the device, up to a card's worth.
fn snapshot(device: Option<DeviceIx>, watched: &[PointIx], site: &Site) -> Vec<PointIx> {
    const POINTS_MAX: usize = 12;
    let mut points = watched.to_vec();
    if let Some(device) = device.and_then(|ix| site.devices.get(ix.ix())) {
        let rest = device.points().filter(|p| !watched.contains(p));
        points.extend(rest.filter(|p| site.points.get(p.ix()).is_some_and(|i| i.kind != PointKind::Text)));
    }
    points.truncate(POINTS_MAX);
    points
}

/// Names inside one device.
struct DeviceNames<'a> {
    device: &'a DeviceConfig,
    first: PointIx,
}

impl DeviceNames<'_> {
    fn bind(&self, expr: &Expr) -> Option<crate::rules::expr::Program> {
        use crate::rules::expr::Binding;
        expr.bind(&mut |name| match self.point(name) {
            Some((point, _)) => Some(Binding::Slot(point.0)),
            None => self.param(name).map(Binding::Constant),
        })
    }
}

impl Names for DeviceNames<'_> {
    fn point(&self, name: &str) -> Option<(PointIx, VarKind)> {
        let (offset, spec) = (0u32..).zip(&self.device.profile.points).find(|(_, p)| p.id.as_str() == name)?;
        Some((PointIx(self.first.0 + offset), var_kind(spec.kind)?))
    }

    fn param(&self, name: &str) -> Option<f64> {
        self.device.params.get(name).copied()
    }
}

/// Names over the whole site.
struct SiteNames<'a>(&'a Site);

impl Names for SiteNames<'_> {
    fn point(&self, name: &str) -> Option<(PointIx, VarKind)> {
        let point = self.0.point(name)?;
        Some((point, var_kind(self.0.points.get(point.ix())?.kind)?))
    }

    fn param(&self, _: &str) -> Option<f64> {
        None
    }
}

fn var_kind(kind: PointKind) -> Option<VarKind> {
    match kind {
        PointKind::Switch => Some(VarKind::Switch),
        PointKind::Number | PointKind::Enumeration => Some(VarKind::Number),
        PointKind::Text => None,
    }
}
