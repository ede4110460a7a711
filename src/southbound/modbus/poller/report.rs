//! What the pipeline is told: values, bad qualities, link changes, counters. Third part of [`Poller`].

use super::{Job, Outcome, Poller, Span, scan};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::{FieldEvent, LinkChange, LinkOf, LinkState, LinkStats};
use crate::model::quality::Quality;
use crate::model::reading::{Raw, Sample};
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::profile::decode::{Decoder, decode_bit};
use crate::southbound::modbus::pdu::is_bits;
use crate::southbound::schedule::Key;

impl Poller {
    /// A poll brought data of the right length.
    pub(super) fn values(&mut self, key: Key, data: &[u8], span: Span, out: &mut Vec<FieldEvent>) {
        let Some(poll) = self.polls[key.ix()].as_mut() else { return };
        poll.strikes = 0;
        poll.refusals = 0;
        let lacking = poll.lacking;
        let unit = &mut self.units[poll.unit];
        unit.gives_data = true;
        let samples: Vec<Sample> = if is_bits(poll.request.area) {
            let bit = |offset: u16| data.get(usize::from(offset / 8)).is_some_and(|b| b >> (offset % 8) & 1 == 1);
            let sample = |s: &super::super::plan::Slot| Sample { point: s.point, raw: decode_bit(bit(s.offset)) };
            poll.request.points.iter().map(sample).collect()
        } else {
            self.words.clear();
            self.words.extend(data.chunks_exact(2).map(|w| u16::from_be_bytes([w[0], w[1]])));
            let sample = |s: &super::super::plan::Slot| {
                let words = self.words.get(usize::from(s.offset)..).unwrap_or_default();
                Sample { point: s.point, raw: Decoder::new(&s.register).decode(words) }
            };
            poll.request.points.iter().map(sample).collect()
        };
        out.push(scan(unit.device, span.middle(), samples));
        if lacking {
            self.found(key, span.ended);
        }
    }

    /// All points of a request are bad.
    pub(super) fn all_bad(&self, key: Key, quality: Quality, at: BootMs) -> Option<FieldEvent> {
        let poll = self.polls[key.ix()].as_ref()?;
        Some(bad(self.units[poll.unit].device, at, quality, poll.request.points.iter().map(|s| s.point)))
    }

    /// All points of a unit that are read at all are bad.
    pub(super) fn unit_bad(&self, at: usize, quality: Quality, when: BootMs) -> FieldEvent {
        let unit = &self.units[at];
        bad(unit.device, when, quality, unit.points.iter().map(|p| p.point))
    }

    /// Says which points a device lacks.
    pub(super) fn tell_lacking(&self, at: usize, when: BootMs, out: &mut Vec<FieldEvent>) {
        let unit = &self.units[at];
        if !unit.lacking.is_empty() {
            let points = unit.lacking.iter().map(|p| p.point);
            out.push(bad(unit.device, when, Quality::BadUnsupported, points));
        }
    }

    pub(super) fn device_up(&self, at: usize, when: BootMs) -> FieldEvent {
        let unit = &self.units[at];
        let reason = Text::new(&format!("从站 {} 有应答", unit.id), &format!("unit {} answers", unit.id));
        change(LinkOf::Device(unit.device), LinkState::Up, Quality::Good, reason, when)
    }

    pub(super) fn device_quarantined(&self, at: usize, when: BootMs) -> FieldEvent {
        let unit = &self.units[at];
        let (id, times) = (unit.id, super::super::unit::TIMEOUTS_MAX);
        let reason = Text::new(
            &format!("从站 {id} 连续 {times} 次没有应答"),
            &format!("unit {id} did not answer {times} times in a row"),
        );
        change(LinkOf::Device(unit.device), LinkState::Quarantined, Quality::BadQuarantine, reason, when)
    }

    /// The line itself came up or went down.
    pub fn line_change(&self, up: bool, reason: Text, when: BootMs) -> FieldEvent {
        let (state, quality) = if up { (LinkState::Up, Quality::Good) } else { (LinkState::Down, Quality::BadLink) };
        change(LinkOf::Line(self.line), state, quality, reason, when)
    }

    pub(super) fn count(&mut self, job: &Job, outcome: Outcome<'_>, span: Span) {
        for stats in [&mut self.units[job.at].stats, &mut self.stats] {
            stats.polls += 1;
            match outcome {
                Outcome::Silence => stats.timeouts += 1,
                Outcome::Refused(_) => stats.refusals += 1,
                Outcome::Data(_) => stats.answers += 1,
            }
            if outcome != Outcome::Silence {
                stats.answer_us_sum += span.took_us;
                stats.answer_us_max = stats.answer_us_max.max(span.took_us);
            }
        }
    }

    /// Counters of the line and of each device.
    pub fn stats(&self) -> impl Iterator<Item = (LinkOf, LinkStats)> {
        let line = std::iter::once((LinkOf::Line(self.line), self.stats));
        line.chain(self.units.iter().map(|u| (LinkOf::Device(u.device), u.stats)))
    }
}

fn bad(device: DeviceIx, at: BootMs, quality: Quality, points: impl Iterator<Item = PointIx>) -> FieldEvent {
    scan(device, at, points.map(|point| Sample { point, raw: Raw::Bad(quality) }).collect())
}

fn change(of: LinkOf, state: LinkState, quality: Quality, reason: Text, at: BootMs) -> FieldEvent {
    FieldEvent::Link(LinkChange { of, state, quality, reason, at })
}
