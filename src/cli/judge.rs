//! Expressions of profiles, compiled by the rules' own compiler: for the reader, which refuses bad ones, and for golden
//! vectors, which want their outcome. Pure; it meets here because neither `config` nor `conditioning` may know `rules`.

use crate::conditioning::golden::{Judge, Values};
use crate::config::expr::{ExprCheck, ExprFault, Lookup, Wants};
use crate::model::condition::Tri;
use crate::model::reading::PointKind;
use crate::rules::expr::{Expr, VarKind};

/// Hour of the day that golden vectors see: noon, so that no night rule decides them.
const HOUR: Option<u8> = Some(12);

/// The expression language of profiles and rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cel;

impl ExprCheck for Cel {
    fn check(&self, expr: &str, wants: Wants, lookup: Lookup<'_>) -> Result<(), ExprFault> {
        let mut resolve = |name: &str| {
            lookup(name).and_then(|kind| match kind {
                PointKind::Switch => Some(VarKind::Switch),
                PointKind::Number | PointKind::Enumeration => Some(VarKind::Number),
                PointKind::Text => None,
            })
        };
        let compiled = match wants {
            Wants::Truth => Expr::condition(expr, &mut resolve),
            Wants::Number => Expr::number(expr, &mut resolve),
        };
        compiled.map(drop).map_err(|fault| ExprFault {
            message: fault.message,
            help: fault.help,
            span: Some(fault.span),
        })
    }
}

/// The expression with its inputs in order; unknown ones are NaN. `None` for one that the reader would have refused.
fn compile(expr: &str, values: &Values<'_>) -> Option<(Expr, Vec<f64>)> {
    let mut resolve = |name: &str| values.is_switch(name).map(|s| if s { VarKind::Switch } else { VarKind::Number });
    let expr = Expr::compile(expr, &mut resolve).ok()?;
    let inputs = expr.vars().iter().map(|name| values.number(name).unwrap_or(f64::NAN)).collect();
    Some((expr, inputs))
}

impl Judge for Cel {
    fn truth(&self, when: &str, values: &Values<'_>) -> Option<bool> {
        let (expr, inputs) = compile(when, values)?;
        match expr.test(&inputs, HOUR) {
            Tri::True => Some(true),
            Tri::False => Some(false),
            Tri::Unknown => None,
        }
    }

    fn number(&self, derive: &str, values: &Values<'_>) -> Option<f64> {
        let (expr, inputs) = compile(derive, values)?;
        expr.calculate(&inputs, HOUR)
    }
}
