//! From the declarative form of profiles and site rules to rules over point indices, with all names and settings
//! resolved. Refuses to know the config text: faults name what is wrong, the caller knows the line.

use std::sync::Arc;
use std::time::Duration;

use crate::model::id::PointIx;
use crate::profile::{Condition, Setting, Side};
use crate::rules::expr::{Binding, Expr, ExprFault, Program, VarKind};
use crate::rules::operator::COUNT_MAX;

/// A rule, ready to run.
#[derive(Debug, Clone)]
pub struct RuleDef {
    /// `device.alarm` or `rule.name`.
    pub key: Arc<str>,
    /// The test.
    pub test: Test,
    /// How long it must hold.
    pub on_delay_ms: i64,
    /// How long it must be gone.
    pub off_delay_ms: i64,
}

/// A test over points of the site.
#[derive(Debug, Clone)]
pub enum Test {
    /// Beyond a limit, and until it has come back by the hysteresis.
    Limit {
        /// The point.
        point: PointIx,
        /// Which side is bad.
        side: Side,
        /// Limit.
        limit: f64,
        /// Distance to come back.
        hysteresis: f64,
    },
    /// One of these values.
    State {
        /// The point.
        point: PointIx,
        /// The values.
        values: Vec<f64>,
    },
    /// Slope beyond a limit. Unknown until half the window has been seen.
    Rate {
        /// The point.
        point: PointIx,
        /// Which side is bad.
        side: Side,
        /// Limit in units per minute.
        per_minute: f64,
        /// Window.
        window_ms: i64,
    },
    /// So many edges in a window.
    Count {
        /// The point.
        point: PointIx,
        /// Any change counts, not only 0 → non-0.
        any_change: bool,
        /// How many; 1 to 1,024.
        count: u32,
        /// Window.
        window_ms: i64,
    },
    /// No good value for so long.
    Absence {
        /// The point.
        point: PointIx,
        /// How long.
        after_ms: i64,
    },
    /// Will reach a limit within a time.
    Trend {
        /// The point.
        point: PointIx,
        /// Which side is bad.
        side: Side,
        /// Limit.
        limit: f64,
        /// How far ahead a crossing counts.
        within_ms: i64,
        /// Commissioning: time with good values before it judges.
        learn_ms: i64,
    },
    /// Behaves unlike itself.
    Anomaly {
        /// The point.
        point: PointIx,
        /// Means over so long are looked at; 0: every reading.
        every_ms: i64,
        /// Commissioning.
        learn_ms: i64,
    },
    /// Several points together behave unlike before.
    DeviceAnomaly {
        /// The points; 2 to [`crate::predict::device::POINTS_MAX`].
        points: Vec<PointIx>,
        /// A snapshot is taken so often.
        every_ms: i64,
        /// Commissioning.
        learn_ms: i64,
    },
    /// A finished day or night is off its baseline.
    Baseline {
        /// The counter.
        point: PointIx,
        /// The night's least flow instead of the day's total.
        night: bool,
        /// Share of the usual figure.
        deviation: f64,
    },
    /// Has just changed.
    Change {
        /// The point.
        point: PointIx,
        /// Commissioning.
        learn_ms: i64,
    },
    /// Stands apart from its peers.
    Peer {
        /// The point itself, then its peers.
        points: Vec<PointIx>,
        /// Distance in robust spreads.
        deviations: f64,
    },
    /// An expression over the table of values.
    When(Program),
}

impl Test {
    /// The points it looks at.
    #[must_use]
    pub fn points(&self) -> Vec<PointIx> {
        match self {
            Self::Limit { point, .. }
            | Self::State { point, .. }
            | Self::Rate { point, .. }
            | Self::Count { point, .. }
            | Self::Absence { point, .. }
            | Self::Trend { point, .. }
            | Self::Anomaly { point, .. }
            | Self::Baseline { point, .. }
            | Self::Change { point, .. } => vec![*point],
            Self::DeviceAnomaly { points, .. } | Self::Peer { points, .. } => points.clone(),
            Self::When(program) => program.slots().into_iter().map(PointIx).collect(),
        }
    }

    /// It learns what is usual before it judges.
    #[must_use]
    pub fn learns(&self) -> bool {
        match self {
            Self::Limit { .. }
            | Self::State { .. }
            | Self::Rate { .. }
            | Self::Count { .. }
            | Self::Absence { .. }
            | Self::When(_) => false,
            Self::Trend { .. }
            | Self::Anomaly { .. }
            | Self::DeviceAnomaly { .. }
            | Self::Baseline { .. }
            | Self::Change { .. }
            | Self::Peer { .. } => true,
        }
    }

    /// It tests whether the point can be seen at all.
    #[must_use]
    pub fn is_loss_of_sight(&self) -> bool {
        matches!(self, Self::Absence { .. })
    }
}

/// What the names in a condition mean: inside a device for profiles, over the site for site rules.
pub trait Names {
    /// The point called `name`.
    fn point(&self, name: &str) -> Option<(PointIx, VarKind)>;
    /// The value of the parameter called `name`.
    fn param(&self, name: &str) -> Option<f64>;
}

/// Why a condition cannot become a rule. All are faults of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// No such point.
    #[error("no point is called `{0}`")]
    UnknownPoint(String),
    /// No such parameter.
    #[error("no parameter is called `{0}`")]
    UnknownParam(String),
    /// The expression is wrong.
    #[error(transparent)]
    Expr(#[from] ExprFault),
    /// A count outside 1 to 1,024.
    #[error("a count is a whole number from 1 to {COUNT_MAX}")]
    Count,
    /// An expression without any point and without `hour()`.
    #[error("this condition looks at no point, so it can never change")]
    Constant,
    /// A window or time of zero.
    #[error("the window must be longer than zero")]
    Window,
}

/// Resolves a condition.
pub fn define(
    key: &str,
    condition: &Condition,
    on_delay: Duration,
    off_delay: Duration,
    names: &dyn Names,
) -> Result<RuleDef, RuleFault> {
    Ok(RuleDef {
        key: Arc::from(key),
        test: test(condition, names)?,
        on_delay_ms: millis(on_delay),
        off_delay_ms: millis(off_delay),
    })
}

fn test(condition: &Condition, names: &dyn Names) -> Result<Test, RuleFault> {
    let point = |name: &String| names.point(name).ok_or_else(|| RuleFault::UnknownPoint(name.clone()));
    let number = |setting: &Setting| match setting {
        Setting::Number(v) => Ok(*v),
        Setting::Param(id) => names.param(id.as_str()).ok_or_else(|| RuleFault::UnknownParam(id.to_string())),
    };
    Ok(match condition {
        Condition::Limit { point: name, side, limit, hysteresis } => Test::Limit {
            point: point(name)?.0,
            side: *side,
            limit: number(limit)?,
            hysteresis: number(hysteresis)?.max(0.0),
        },
        Condition::State { point: name, values } => Test::State { point: point(name)?.0, values: values.clone() },
        Condition::Rate { point: name, side, per_minute, window } => Test::Rate {
            point: point(name)?.0,
            side: *side,
            per_minute: number(per_minute)?,
            window_ms: positive(*window)?,
        },
        Condition::Count { point: name, count, window } => {
            let (point, kind) = point(name)?;
            let any_change = kind == VarKind::Number;
            Test::Count { point, any_change, count: whole(number(count)?)?, window_ms: positive(*window)? }
        }
        Condition::Absence { point: name, after } => {
            Test::Absence { point: point(name)?.0, after_ms: positive(*after)? }
        }
        Condition::Trend { point: name, side, limit, within, learn } => Test::Trend {
            point: point(name)?.0,
            side: *side,
            limit: number(limit)?,
            within_ms: positive(*within)?,
            learn_ms: millis(*learn),
        },
        Condition::Anomaly { point: name, every, learn } => {
            Test::Anomaly { point: point(name)?.0, every_ms: millis(*every), learn_ms: millis(*learn) }
        }
        Condition::DeviceAnomaly { points: ids, every, learn } => Test::DeviceAnomaly {
            points: ids.iter().map(|name| point(name).map(|p| p.0)).collect::<Result<_, _>>()?,
            every_ms: positive(*every)?,
            learn_ms: millis(*learn),
        },
        Condition::Baseline { point: name, night, deviation } => {
            Test::Baseline { point: point(name)?.0, night: *night, deviation: number(deviation)? }
        }
        Condition::Change { point: name, learn } => Test::Change { point: point(name)?.0, learn_ms: millis(*learn) },
        Condition::Peer { point: name, peers, deviations } => Test::Peer {
            points: std::iter::once(name).chain(peers).map(|n| point(n).map(|p| p.0)).collect::<Result<_, _>>()?,
            deviations: number(deviations)?,
        },
        Condition::When(text) => Test::When(when(text, names)?),
    })
}

fn when(text: &str, names: &dyn Names) -> Result<Program, RuleFault> {
    let kind = |name: &str| names.point(name).map(|p| p.1).or_else(|| names.param(name).map(|_| VarKind::Number));
    let expr = Expr::condition(text, &mut |name| kind(name))?;
    let place = |name: &str| match names.point(name) {
        Some((point, _)) => Some(Binding::Slot(point.0)),
        None => names.param(name).map(Binding::Constant),
    };
    let program = expr.bind(&mut |name| place(name)).expect("compiled against the same names");
    if program.slots().is_empty() && !program.uses_hour() {
        return Err(RuleFault::Constant);
    }
    Ok(program)
}

fn whole(count: f64) -> Result<u32, RuleFault> {
    if count.fract() != 0.0 || !(1.0..=f64::from(COUNT_MAX)).contains(&count) {
        return Err(RuleFault::Count);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked just above
    Ok(count as u32)
}

fn positive(window: Duration) -> Result<i64, RuleFault> {
    match millis(window) {
        0 => Err(RuleFault::Window),
        ms => Ok(ms),
    }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
