//! The permitted steps of a case. Nothing else changes `Case::stage`. Pure.
//!
//! | stage | act | becomes |
//! |---|---|---|
//! | Detected, Notified | review | Reviewing |
//! | Reviewing | confirm | Confirmed |
//! | Reviewing | reject, with a reason | Rejected (its alarm ends) |
//! | Confirmed | dispatch | Dispatched |
//! | Confirmed, Rejected, Dispatched | close | Closed (its alarm ends) |
//! | any | hold, release, view, export | the same |
//!
//! An act that has been done already changes nothing and says so. Every other pair is refused in words.

use crate::model::case::{Act, ActError, Case, Lasts, Stage, StepKind};

/// Does `act` to the case. Returns the step to enter; `None` if it has been done already.
pub fn act(case: &mut Case, act: &Act) -> Result<Option<StepKind>, ActError> {
    match act {
        Act::Hold => return Ok((!std::mem::replace(&mut case.held, true)).then_some(StepKind::Held)),
        Act::Release => return Ok(std::mem::replace(&mut case.held, false).then_some(StepKind::Released)),
        Act::View => return Ok(Some(StepKind::Viewed)),
        Act::Export => return Ok(Some(StepKind::Exported)),
        Act::Review | Act::Confirm | Act::Reject(_) | Act::Dispatch | Act::Close => {}
    }
    let waiting = matches!(case.stage, Stage::Detected | Stage::Notified);
    let decided = case.confirmed || case.rejected.is_some();
    match act {
        Act::Review if waiting => Ok(Some(enter(case, Stage::Reviewing, StepKind::Reviewing))),
        Act::Confirm if case.confirmed => Ok(None),
        Act::Reject(reason) if case.rejected == Some(*reason) => Ok(None),
        Act::Dispatch if case.stage == Stage::Dispatched => Ok(None),
        Act::Close if case.stage == Stage::Closed => Ok(None),
        Act::Review if case.stage != Stage::Closed => Ok(None),
        _ if case.stage == Stage::Closed => Err(ActError::Closed),
        Act::Confirm | Act::Reject(_) if waiting => Err(ActError::ReviewFirst),
        Act::Confirm | Act::Reject(_) if decided => Err(ActError::Decided),
        Act::Confirm => {
            case.confirmed = true;
            Ok(Some(enter(case, Stage::Confirmed, StepKind::Confirmed)))
        }
        Act::Reject(reason) => {
            case.rejected = Some(*reason);
            Ok(Some(enter(case, Stage::Rejected, StepKind::Rejected)))
        }
        Act::Dispatch if case.stage == Stage::Confirmed => {
            Ok(Some(enter(case, Stage::Dispatched, StepKind::Dispatched)))
        }
        Act::Dispatch => Err(ActError::ConfirmFirst),
        Act::Close if decided => Ok(Some(enter(case, Stage::Closed, StepKind::Closed))),
        _ => Err(ActError::Undecided),
    }
}

/// The alarm has been brought to people.
pub fn notified(case: &mut Case) -> Option<StepKind> {
    (case.stage == Stage::Detected).then(|| enter(case, Stage::Notified, StepKind::Notified))
}

/// Whether the case's alarm should stand.
#[must_use]
pub fn rings(case: &Case) -> bool {
    let over = case.lasts == Some(Lasts::Over);
    case.level.is_some() && !over && !matches!(case.stage, Stage::Rejected | Stage::Closed)
}

fn enter(case: &mut Case, stage: Stage, step: StepKind) -> StepKind {
    case.stage = stage;
    step
}
