//! Refusals: where a device cannot be read across, and what it lacks. Second half of [`Poller`].

use std::collections::BTreeSet;

use super::{Poll, Poller, REFUSALS_PATIENT, REFUSED_MS_MAX, RETRY_MS, STRIKES, Span};
use crate::model::link::FieldEvent;
use crate::model::quality::Quality;
use crate::model::time::BootMs;
use crate::profile::Register;
use crate::southbound::modbus::pdu::Exception;
use crate::southbound::modbus::plan::{Cuts, PlanPoint, Request, Slot, cuts_for, plan, width};
use crate::southbound::schedule::Key;

impl Poller {
    /// Makes the requests of a unit anew. Those that stay as they were keep their place in time; new ones are due at once.
    pub(super) fn replan(&mut self, at: usize, now: BootMs) {
        let unit = &self.units[at];
        let cuts: Cuts = unit.holes.union(&unit.halves).copied().collect();
        let lacking: Vec<Register> = unit.lacking.iter().map(|p| p.register.clone()).collect();
        let mut wanted = plan(&unit.points, &unit.limits, &cuts, &lacking);
        let slot = unit.slot;
        let retries: Vec<Request> = unit.lacking.iter().map(single).collect();
        let rests = unit.health.rests();
        let old = std::mem::take(&mut self.units[at].keys);
        for key in old {
            let stays = self.polls[key.ix()].as_ref().filter(|p| !p.lacking);
            match stays.and_then(|p| wanted.iter().position(|w| *w == p.request)) {
                Some(i) => {
                    wanted.swap_remove(i);
                    self.units[at].keys.push(key);
                }
                None => {
                    self.polls[key.ix()] = None;
                    self.schedule.remove(key);
                }
            }
        }
        // By address again, so that the plan does not depend on what was there before.
        wanted.sort_by_key(|r| (r.area, r.period_ms, r.address));
        for (request, lacking) in wanted.into_iter().map(|r| (r, false)).chain(retries.into_iter().map(|r| (r, true))) {
            let key = self.schedule.add(i64::from(request.period_ms), slot, now);
            if lacking {
                self.schedule.delay(key, now.plus(RETRY_MS));
            }
            if rests {
                self.schedule.park(key);
            }
            self.keep(key, Poll { unit: at, request, lacking, strikes: 0, refusals: 0 });
            self.units[at].keys.push(key);
        }
    }

    fn keep(&mut self, key: Key, poll: Poll) {
        if self.polls.len() <= key.ix() {
            self.polls.resize_with(key.ix() + 1, || None);
        }
        self.polls[key.ix()] = Some(poll);
    }

    /// A poll was refused.
    pub(super) fn refused(&mut self, key: Key, exception: Exception, span: Span, out: &mut Vec<FieldEvent>) {
        let Some(poll) = self.polls[key.ix()].as_mut() else { return };
        if poll.lacking {
            return;
        }
        let at = poll.unit;
        if exception.is_about_the_request() {
            let cuts = if exception == Exception::ILLEGAL_FUNCTION { Vec::new() } else { cuts_for(&poll.request) };
            if !cuts.is_empty() {
                self.cut(at, key, cuts, span.ended);
                return;
            }
            poll.strikes += 1;
            if poll.strikes >= STRIKES && self.units[at].gives_data {
                self.lacks(at, key, exception, span, out);
                return;
            }
        }
        self.retry_later(key, span.ended);
        out.extend(self.all_bad(key, Quality::BadRefused, span.middle()));
    }

    /// Asks a request that is refused again and again less often: the pause doubles up to a minute.
    fn retry_later(&mut self, key: Key, now: BootMs) {
        let Some(poll) = self.polls[key.ix()].as_mut() else { return };
        poll.refusals = poll.refusals.saturating_add(1);
        if poll.refusals > REFUSALS_PATIENT {
            let doublings = (poll.refusals - REFUSALS_PATIENT).min(16);
            let pause_ms = (i64::from(poll.request.period_ms) << doublings).min(REFUSED_MS_MAX);
            if pause_ms > i64::from(poll.request.period_ms) {
                self.schedule.delay(key, now.plus(pause_ms));
            }
        }
    }

    fn cut(&mut self, at: usize, key: Key, cuts: Vec<(crate::profile::Area, u32)>, now: BootMs) {
        let holes = self.polls[key.ix()].as_ref().is_some_and(|p| has_holes(&p.request));
        let unit = &mut self.units[at];
        if holes {
            unit.holes.extend(cuts)
        } else {
            unit.halves.extend(cuts)
        }
        self.replan(at, now);
    }

    /// The device lacks what the request reads (all of the area, if it lacks the function).
    fn lacks(&mut self, at: usize, key: Key, exception: Exception, span: Span, out: &mut Vec<FieldEvent>) {
        let Some(poll) = self.polls[key.ix()].as_ref() else { return };
        let (area, whole_area) = (poll.request.area, exception == Exception::ILLEGAL_FUNCTION);
        let named: BTreeSet<_> = poll.request.points.iter().map(|s| s.point).collect();
        let unit = &mut self.units[at];
        let gone = |p: &PlanPoint| if whole_area { p.register.area == area } else { named.contains(&p.point) };
        let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut unit.points).into_iter().partition(gone);
        unit.points = stay;
        let points: Vec<_> = gone.iter().map(|p| p.point).collect();
        unit.lacking.extend(gone);
        // The halves were only cut to find it.
        unit.halves.retain(|(a, _)| *a != area);
        let device = unit.device;
        self.replan(at, span.ended);
        self.tell_lacking(at, span.middle(), out);
        out.push(FieldEvent::Unsupported { device, points });
    }

    /// A register that the device was thought to lack brought data.
    pub(super) fn found(&mut self, key: Key, now: BootMs) {
        let Some(poll) = self.polls[key.ix()].as_ref() else { return };
        let (at, named) = (poll.unit, poll.request.points.iter().map(|s| s.point).collect::<BTreeSet<_>>());
        let unit = &mut self.units[at];
        let (found, stay): (Vec<_>, Vec<_>) =
            std::mem::take(&mut unit.lacking).into_iter().partition(|p| named.contains(&p.point));
        unit.lacking = stay;
        unit.points.extend(found);
        self.replan(at, now);
    }
}

fn has_holes(request: &Request) -> bool {
    let mut end = 0;
    request.points.iter().any(|slot| {
        let hole = slot.offset > end;
        end = end.max(slot.offset + width(&slot.register));
        hole
    })
}

/// One point alone, asked for rarely.
fn single(point: &PlanPoint) -> Request {
    Request {
        area: point.register.area,
        address: point.register.address,
        count: width(&point.register),
        period_ms: u32::try_from(RETRY_MS).unwrap_or(u32::MAX),
        points: vec![Slot { point: point.point, offset: 0, register: point.register.clone() }],
    }
}
