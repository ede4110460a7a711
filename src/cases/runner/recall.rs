//! Events that may be older than the desk's memory are looked up on disk before they become a case: a recorder that sends its
//! week again must not ring a second time.
//!
//! Only once the memory has overflowed, and for [`LOOK_WITHIN`]: an alarm does not wait for a disk that hangs. At most
//! [`LOOKS_MAX`] events are looked up at once; beyond that none is taken from the channel.

use std::sync::Arc;
use std::time::Duration;

use crate::cases::desk::keys;
use crate::cases::ports::Keeper;
use crate::cases::runner::{Job, Runner};
use crate::model::case::CaseNo;
use crate::model::reading::Receipt;
use crate::model::sight::Sighting;
use crate::model::time::Anchor;

/// What cannot be found out within this counts as new.
const LOOK_WITHIN: Duration = Duration::from_millis(300);
/// Look-ups at once.
pub(super) const LOOKS_MAX: usize = 32;

impl Runner {
    /// An event has come: it is judged at once, or looked up first.
    pub(super) fn came(&mut self, sighting: Box<Sighting>, receipt: Receipt, now: &Anchor) {
        if !self.desk.may_have_forgotten() || self.desk.known(&sighting).is_some() {
            self.sent(&sighting, receipt, now);
            return;
        }
        self.looks += 1;
        let keeper = Arc::clone(&self.hands.keeper);
        self.jobs.spawn(async move {
            let found = look(keeper, &sighting).await;
            Job::Recalled(sighting, receipt, found)
        });
    }

    /// The disk has said whether it knows the event.
    pub(super) fn recalled(&mut self, sighting: &Sighting, receipt: Receipt, found: Option<CaseNo>, now: &Anchor) {
        self.looks = self.looks.saturating_sub(1);
        if let Some(case) = found {
            self.desk.recall(sighting, case);
        }
        self.sent(sighting, receipt, now);
    }
}

async fn look(keeper: Arc<dyn Keeper>, sighting: &Sighting) -> Option<CaseNo> {
    let (camera, keys) = (sighting.camera.to_string(), keys(sighting));
    let asked = tokio::task::spawn_blocking(move || keeper.known(&camera, &keys));
    match tokio::time::timeout(LOOK_WITHIN, asked).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Ok(Err(why))) => {
            tracing::warn!(why, "nobody can tell whether an event is known; it counts as new");
            None
        }
        _ => None,
    }
}
