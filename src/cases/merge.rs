//! Which sighting belongs to which case, and what two judgements of one thing say together. Pure.

use crate::model::alarm::Level;
use crate::model::case::{Case, Judgement, ObjectClass};
use crate::model::sight::SightKind;

/// A sighting's place and time, as merging sees them.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// What.
    pub kind: SightKind,
    /// Facade id.
    pub facade: &'a str,
    /// When it happened, UTC milliseconds.
    pub happened_wall_ms: i64,
    /// Floors and columns.
    pub judgement: &'a Judgement,
}

/// Whether the sighting is of the same thing as the case: same kind, same facade, times within the window, nothing that is
/// known of floors or columns speaks against it, and nobody has said that the case is none: what comes then must ring.
#[must_use]
pub fn belongs(case: &Case, seen: &Where<'_>, window_ms: i64) -> bool {
    let near = |at: i64| seen.happened_wall_ms.saturating_sub(at).abs() <= window_ms;
    let (a, b) = (&case.judgement, seen.judgement);
    case.rejected.is_none()
        && case.kind == seen.kind
        && case.facade == seen.facade
        && (near(case.happened_wall_ms) || near(case.last_wall_ms))
        && overlap(a.floor_low, a.floor_top(), b.floor_low, b.floor_top())
        && overlap(a.column_low_m, a.column_high_m, b.column_low_m, b.column_high_m)
}

/// Ranges with open ends meet unless one lies wholly above the other.
fn overlap<T: PartialOrd + Copy>(a_low: Option<T>, a_high: Option<T>, b_low: Option<T>, b_high: Option<T>) -> bool {
    let below = |high: &Option<T>, low: &Option<T>| matches!((high, low), (Some(h), Some(l)) if h < l);
    !below(&a_high, &b_low) && !below(&b_high, &a_low)
}

impl Judgement {
    /// The highest floor, open when the track came from beyond the picture.
    fn floor_top(&self) -> Option<i32> {
        if self.at_or_above { None } else { self.floor_high }
    }
}

/// How much a class matters; the worse of two is believed.
#[must_use]
pub fn weight(class: ObjectClass) -> u8 {
    match class {
        ObjectClass::NotFalling => 0,
        ObjectClass::Undecidable => 1,
        ObjectClass::Light => 2,
        ObjectClass::Dense => 3,
    }
}

/// How loud a falling object rings.
#[must_use]
pub fn level_of(class: ObjectClass) -> Level {
    match class {
        ObjectClass::Dense => Level::Critical,
        ObjectClass::Light => Level::Major,
        ObjectClass::Undecidable => Level::Minor,
        ObjectClass::NotFalling => Level::Info,
    }
}

/// What both say together: the worse class, the higher score, and of ranges what they agree on. A range of a sighting
/// that falls is not narrowed by one that does not.
#[must_use]
pub fn together(a: &Judgement, b: &Judgement) -> Judgement {
    let b_leads = (weight(b.class), b.score) > (weight(a.class), a.score);
    let (lead, other) = if b_leads { (b, a) } else { (a, b) };
    let mut both = lead.clone();
    both.score = a.score.max(b.score);
    if weight(other.class) >= weight(ObjectClass::Light) || lead.class == other.class {
        both.floor_low = higher(lead.floor_low, other.floor_low);
        both.floor_high = lower(lead.floor_top(), other.floor_top()).or(lead.floor_high);
        both.at_or_above = lead.at_or_above && other.at_or_above;
        both.release_low_m = higher(lead.release_low_m, other.release_low_m);
        both.release_high_m = lower(lead.release_high_m, other.release_high_m);
        both.column_low_m = higher(lead.column_low_m, other.column_low_m);
        both.column_high_m = lower(lead.column_high_m, other.column_high_m);
    } else {
        both.floor_low = lead.floor_low.or(other.floor_low);
        both.floor_high = lead.floor_high.or(other.floor_high);
    }
    if disjoint(both.floor_low, both.floor_high) || disjoint(both.release_low_m, both.release_high_m) {
        // They do not agree after all: the better one stands alone.
        return Judgement { score: both.score, ..lead.clone() };
    }
    both
}

fn disjoint<T: PartialOrd>(low: Option<T>, high: Option<T>) -> bool {
    matches!((low, high), (Some(l), Some(h)) if l > h)
}

fn higher<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a > b { a } else { b }),
        (a, b) => a.or(b),
    }
}

fn lower<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a < b { a } else { b }),
        (a, b) => a.or(b),
    }
}
