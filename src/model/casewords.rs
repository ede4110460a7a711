//! What people read of a case: kinds, classes, ranges of floors and heights, in both languages.

use crate::model::case::{Judgement, ObjectClass};
use crate::model::sight::SightKind;
use crate::model::text::Text;

/// `12-15层`, `15层以上`, or nothing if it is not known.
#[must_use]
pub fn floors(j: &Judgement) -> Option<Text> {
    let low = j.floor_low?;
    Some(match j.floor_high.filter(|_| !j.at_or_above) {
        Some(high) if high == low => Text::new(&format!("{low}层"), &format!("floor {low}")),
        Some(high) => Text::new(&format!("{low}-{high}层"), &format!("floors {low}-{high}")),
        None => Text::new(&format!("{low}层及以上"), &format!("floor {low} or above")),
    })
}

/// `36-45 m`, or nothing.
#[must_use]
pub fn heights(j: &Judgement) -> Option<String> {
    let low = j.release_low_m?;
    Some(match j.release_high_m.filter(|_| !j.at_or_above) {
        Some(high) => format!("{low:.0}-{high:.0} m"),
        None => format!("≥ {low:.0} m"),
    })
}

/// What the thing is, in words.
#[must_use]
pub fn class(class: ObjectClass) -> Text {
    match class {
        ObjectClass::Dense => Text::new("硬物坠落", "Dense object"),
        ObjectClass::Light => Text::new("轻物坠落", "Light object"),
        ObjectClass::NotFalling => Text::new("多半不是抛物", "Probably not falling"),
        ObjectClass::Undecidable => Text::new("依据不足，需人工判断", "Too little to say, look yourself"),
    }
}

/// What a kind is called.
#[must_use]
pub fn kind(kind: SightKind) -> Text {
    match kind {
        SightKind::FallingObject => Text::new("高空抛物", "Falling object"),
        SightKind::EbikeInLift => Text::new("电动车进电梯", "E-bike in lift"),
        SightKind::FireLaneBlocked => Text::new("消防通道占用", "Fire lane blocked"),
        SightKind::Perimeter => Text::new("周界闯入", "Perimeter crossed"),
    }
}

/// The word of a kind in payloads.
#[must_use]
pub fn kind_word(kind: SightKind) -> &'static str {
    match kind {
        SightKind::FallingObject => "falling_object",
        SightKind::EbikeInLift => "ebike_in_lift",
        SightKind::FireLaneBlocked => "fire_lane_blocked",
        SightKind::Perimeter => "perimeter",
    }
}
