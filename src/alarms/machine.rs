//! The permitted transitions of one alarm record. Nothing else changes `AlarmRecord::state`.
//!
//! | from | event | to | told |
//! |---|---|---|---|
//! | Unacknowledged | condition goes | ReturnedUnacknowledged (`info`: Normal) | cleared (closed) |
//! | Acknowledged | condition goes | Normal (latched: stays) | cleared, closed (latched: cleared) |
//! | Unacknowledged | acknowledge | Acknowledged | acknowledged |
//! | ReturnedUnacknowledged | acknowledge | Normal (latched: Acknowledged) | acknowledged, closed |
//! | Acknowledged, condition gone | reset | Normal | reset, closed |
//! | ReturnedUnacknowledged | reset | ReturnedUnacknowledged, no longer latched | reset |
//! | any open | superseded, no longer configured | Normal | closed |

use crate::model::alarm::{Acknowledged, AlarmChange, AlarmRecord, AlarmState, Level};

/// What a transition told; at most two changes.
pub(super) type Told = &'static [AlarmChange];

/// The condition is gone.
pub(super) fn clear(alarm: &mut AlarmRecord, wall_ms: i64) -> Told {
    if !alarm.condition {
        return &[];
    }
    alarm.condition = false;
    alarm.cleared_wall_ms = Some(wall_ms);
    alarm.changed_wall_ms = wall_ms;
    let silent = alarm.level == Level::Info;
    match (alarm.state, alarm.latched) {
        (AlarmState::Acknowledged, false) => close(alarm),
        (AlarmState::Unacknowledged, false) if silent => close(alarm),
        (AlarmState::Unacknowledged, _) => alarm.state = AlarmState::ReturnedUnacknowledged,
        (AlarmState::Acknowledged, true) | (AlarmState::Normal | AlarmState::ReturnedUnacknowledged, _) => {}
    }
    if alarm.state == AlarmState::Normal {
        &[AlarmChange::Cleared, AlarmChange::Closed]
    } else {
        &[AlarmChange::Cleared]
    }
}

/// Somebody answers. Nothing changes if somebody already has.
pub(super) fn acknowledge(alarm: &mut AlarmRecord, who: Acknowledged) -> Told {
    let wall_ms = who.wall_ms;
    let told: Told = match alarm.state {
        AlarmState::Unacknowledged => {
            alarm.state = AlarmState::Acknowledged;
            &[AlarmChange::Acknowledged]
        }
        AlarmState::ReturnedUnacknowledged if alarm.latched => {
            alarm.state = AlarmState::Acknowledged;
            &[AlarmChange::Acknowledged]
        }
        AlarmState::ReturnedUnacknowledged => {
            close(alarm);
            &[AlarmChange::Acknowledged, AlarmChange::Closed]
        }
        AlarmState::Acknowledged | AlarmState::Normal => return &[],
    };
    alarm.acknowledged = Some(who);
    alarm.changed_wall_ms = wall_ms;
    told
}

/// A latched alarm whose condition is gone is let go. The caller has checked both.
pub(super) fn reset(alarm: &mut AlarmRecord, wall_ms: i64) -> Told {
    if !alarm.latched || alarm.condition {
        return &[];
    }
    alarm.latched = false;
    alarm.changed_wall_ms = wall_ms;
    if alarm.state == AlarmState::Acknowledged {
        close(alarm);
        &[AlarmChange::Reset, AlarmChange::Closed]
    } else {
        &[AlarmChange::Reset]
    }
}

/// The record ends for a reason outside the diagram: a new one takes its place, or its rule is gone.
pub(super) fn retire(alarm: &mut AlarmRecord, wall_ms: i64) -> Told {
    if alarm.state == AlarmState::Normal {
        return &[];
    }
    alarm.condition = false;
    alarm.cleared_wall_ms.get_or_insert(wall_ms);
    alarm.changed_wall_ms = wall_ms;
    close(alarm);
    &[AlarmChange::Closed]
}

fn close(alarm: &mut AlarmRecord) {
    alarm.state = AlarmState::Normal;
}
