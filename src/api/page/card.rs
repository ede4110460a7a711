//! One alarm as people see it: what, where, how long, what to do first. Used by the list, the alarm's own page and the
//! device's page. Pure: from the record and the site's texts to strings.

use crate::api::lang::Words;
use crate::api::page::explain;
use crate::api::page::when::When;
use crate::api::view;
use crate::model::alarm::{AlarmRecord, AlarmState, Level};
use crate::model::case::CaseNo;
use crate::model::site::Site;
use crate::model::unit::Unit;

/// A frozen or present value with its name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) good: bool,
}

/// See the module documentation. The flags are independent facts that the template asks one by one.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) w: Words,
    pub(crate) id: String,
    pub(crate) level: &'static str,
    pub(crate) level_text: String,
    pub(crate) state: &'static str,
    pub(crate) state_text: String,
    pub(crate) title: String,
    pub(crate) device: String,
    pub(crate) device_name: String,
    /// The place path with readable separators.
    pub(crate) place: String,
    /// What was measured against which limit, or empty.
    pub(crate) what: String,
    /// Why, for alarms of detectors that learn.
    pub(crate) why: Vec<String>,
    pub(crate) raised_ms: i64,
    pub(crate) raised: String,
    pub(crate) raised_iso: String,
    pub(crate) lasted: String,
    /// The condition holds, so the duration grows.
    pub(crate) growing: bool,
    pub(crate) cleared: Option<String>,
    /// Who answered, when, with what words.
    pub(crate) answered: Option<(String, String, String)>,
    pub(crate) can_answer: bool,
    pub(crate) can_reset: bool,
    pub(crate) children: String,
    pub(crate) cause: String,
    pub(crate) harm: String,
    pub(crate) action: Vec<String>,
    /// The steps stand open: for the most urgent ones.
    pub(crate) unfolded: bool,
    pub(crate) snapshot: Vec<Named>,
    /// The case that raised it.
    pub(crate) case: Option<String>,
    /// Changes when the card does; the script replaces only such cards.
    pub(crate) rev: String,
}

/// `3号楼/地下一层/水泵房` with air around the slashes.
pub(crate) fn place(at: &str) -> String {
    at.split('/').filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" › ")
}

/// The name of a point in `device.point` form; itself if the site does not know it.
pub(super) fn point_name(site: &Site, key: &str, w: Words) -> String {
    let info = site.point(key).and_then(|ix| site.points.get(ix.ix()));
    info.map_or_else(|| key.to_owned(), |i| i.name.get(w.0).to_owned())
}

pub(super) fn point_value(site: &Site, key: &str, value: Option<f64>, unit: Option<&str>, w: Words) -> Option<String> {
    let value = value?;
    let info = site.point(key).and_then(|ix| site.points.get(ix.ix()));
    Some(match info {
        Some(info) => view::shown(info, value, w),
        None => view::with_unit(value, unit, w.0),
    })
}

fn what(site: &Site, a: &AlarmRecord, w: Words) -> String {
    let Some(t) = &a.trigger else { return String::new() };
    if a.explanation.is_some() {
        // What was found is said in sentences of its own.
        return String::new();
    }
    if let Some(words) = &t.words {
        return words.get(w.0).to_owned();
    }
    let unit = t.unit.as_deref();
    let name = point_name(site, &t.what, w);
    match (point_value(site, &t.what, t.value, unit, w), t.limit) {
        (Some(value), Some(limit)) => {
            let value = format!("{name} {value}");
            w.t2("alarm.value_limit", value, view::with_unit(limit, unit, w.0))
        }
        (Some(value), None) => format!("{name} {value}"),
        // An expression means nothing at 3 a.m.; the values it looked at do.
        (None, _) => looked_at(site, a, &t.what, w).unwrap_or(name),
    }
}

/// The frozen values of the points that an expression names, `None` if it names none of them.
fn looked_at(site: &Site, a: &AlarmRecord, expression: &str, w: Words) -> Option<String> {
    let words: Vec<&str> = expression.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).collect();
    let named =
        |key: &str| words.iter().any(|word| *word == key || key.split_once('.').is_some_and(|(_, id)| id == *word));
    let values: Vec<String> = a
        .snapshot
        .iter()
        .filter(|s| named(&s.point))
        .map(|s| snapshot(site, s, w))
        .map(|s| format!("{} {}", s.name, s.value))
        .collect();
    if values.is_empty() { None } else { Some(values.join(" · ")) }
}

impl Card {
    pub(crate) fn new(site: &Site, a: &AlarmRecord, when: &When, w: Words) -> Self {
        let end = if a.condition { when.now_ms() } else { a.cleared_wall_ms.unwrap_or(a.changed_wall_ms) };
        let growing = a.condition && a.state != AlarmState::Normal;
        let answered = a.acknowledged.as_ref().map(|k| (k.by.clone(), when.short(k.wall_ms), k.note.clone()));
        let text = |t: &crate::model::text::Text| t.get(w.0).to_owned();
        Self {
            w,
            id: a.id.to_string(),
            level: a.level.word(),
            level_text: text(&a.level.text()),
            state: a.state.word(),
            state_text: text(&a.state.text()),
            title: text(&a.text.title),
            device: a.device.clone(),
            device_name: a.device_name.clone(),
            place: place(&a.at),
            what: what(site, a, w),
            why: explain::sentences(site, a, when, w),
            raised_ms: a.raised_wall_ms,
            raised: when.short(a.raised_wall_ms),
            raised_iso: when.iso(a.raised_wall_ms),
            lasted: when.span(end.saturating_sub(a.raised_wall_ms)),
            growing,
            cleared: a.cleared_wall_ms.filter(|_| !a.condition).map(|ms| when.short(ms)),
            can_answer: a.state != AlarmState::Normal && a.acknowledged.is_none(),
            can_reset: a.state != AlarmState::Normal && a.latched && !a.condition && a.acknowledged.is_some(),
            children: if a.children > 0 { w.t1("alarm.children", a.children) } else { String::new() },
            cause: text(&a.text.cause),
            harm: text(&a.text.harm),
            action: a.text.action.iter().map(text).collect(),
            unfolded: false,
            snapshot: a.snapshot.iter().map(|s| snapshot(site, s, w)).collect(),
            case: CaseNo::of_key(&a.key).map(|no| no.to_string()),
            rev: format!("{}-{}-{}", a.state.word(), a.changed_wall_ms, a.children),
            answered,
        }
    }

    /// Needs eyes before everything else.
    pub(crate) fn urgent(&self) -> bool {
        self.level == Level::Life.word() || self.level == Level::Critical.word()
    }

    /// There is anything to unfold.
    pub(crate) fn has_help(&self) -> bool {
        !self.action.is_empty() || !self.cause.is_empty() || !self.harm.is_empty()
    }
}

fn snapshot(site: &Site, s: &crate::model::alarm::Snapshot, w: Words) -> Named {
    let quality = crate::model::quality::ALL.into_iter().find(|q| q.word() == s.quality);
    let words = quality.map_or_else(|| s.quality.clone(), |q| q.text().get(w.0).to_owned());
    let value = point_value(site, &s.point, s.value, s.unit.as_deref().filter(|u| Unit::new(u).is_some()), w);
    let name = match s.point.split_once('.') {
        Some(_) => point_name(site, &s.point, w),
        None => s.point.to_string(),
    };
    Named { name, good: value.is_some(), value: value.unwrap_or(words) }
}
