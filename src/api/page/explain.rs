//! Why a detector raised an alarm, in sentences: what was expected, what was seen, since when, how sure, and when the
//! limit will be reached. Clock times, not spans: they stay right while the page stays open.

use crate::api::lang::Words;
use crate::api::page::card::{point_name, point_value};
use crate::api::page::when::When;
use crate::model::alarm::AlarmRecord;
use crate::model::finding::{Ahead, Explanation, FindingKind, Suspect};
use crate::model::site::Site;

/// One line a fact; empty without an explanation.
pub(super) fn sentences(site: &Site, a: &AlarmRecord, when: &When, w: Words) -> Vec<String> {
    let Some(why) = &a.explanation else { return Vec::new() };
    let mut lines = Vec::new();
    if let (Some(ahead), Some(first)) = (&why.ahead, why.suspects.first()) {
        lines.push(limit_line(site, a, first, ahead, when, w));
    } else {
        lines.push(w.t(kind_key(why.kind)).to_owned());
    }
    lines.extend(why.suspects.iter().map(|s| suspect_line(site, s, why, w)));
    lines.push(sure_line(why, when, w));
    lines
}

fn kind_key(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Trend => "why.trend",
        FindingKind::Spike => "why.spike",
        FindingKind::Level => "why.level",
        FindingKind::Rhythm => "why.rhythm",
        FindingKind::Shape => "why.shape",
        FindingKind::Flat => "why.flat",
        FindingKind::Sudden => "why.sudden",
        FindingKind::Lasting => "why.lasting",
        FindingKind::Drift => "why.drift",
        FindingKind::Apart => "why.apart",
    }
}

fn value(site: &Site, s: &Suspect, value: f64, w: Words) -> String {
    point_value(site, &s.point, Some(value), s.unit.as_deref(), w).unwrap_or_default()
}

fn limit_line(site: &Site, a: &AlarmRecord, s: &Suspect, ahead: &Ahead, when: &When, w: Words) -> String {
    let at = |seconds: f64| when.short(a.raised_wall_ms.saturating_add(milliseconds(seconds)));
    let point = format!("{} {}", point_name(site, &s.point, w), value(site, s, ahead.limit, w));
    match ahead.high_s {
        Some(high_s) => w.t3("why.limit", point, at(ahead.eta_s), w.t2("why.between", at(ahead.low_s), at(high_s))),
        None => w.t3("why.limit", point, at(ahead.eta_s), w.t1("why.not_before", at(ahead.low_s))),
    }
}

#[allow(clippy::cast_possible_truncation)] // saturates; a thousand years are far enough
fn milliseconds(seconds: f64) -> i64 {
    (seconds.clamp(0.0, 3.0e10) * 1000.0) as i64
}

fn suspect_line(site: &Site, s: &Suspect, why: &Explanation, w: Words) -> String {
    let (low, high) = (value(site, s, s.expected_low, w), value(site, s, s.expected_high, w));
    let expected = if low == high { low } else { format!("{low} … {high}") };
    // The first suspect is the one that no longer goes with the others.
    let apart = why.kind == FindingKind::Apart && why.suspects.first().is_some_and(|first| std::ptr::eq(first, s));
    let key = if apart { "why.suspect_apart" } else { "why.suspect" };
    let line = w.t3(key, point_name(site, &s.point, w), value(site, s, s.seen, w), expected);
    if why.suspects.len() > 1 { w.t2("why.share", line, format!("{:.0}", s.share * 100.0)) } else { line }
}

fn sure_line(why: &Explanation, when: &When, w: Words) -> String {
    // Never "100 %": nobody knows that.
    let percent = (why.confidence * 100.0).clamp(0.0, 99.0);
    w.t2("why.sure", when.short(why.since_wall_ms), format!("{percent:.0}"))
}
