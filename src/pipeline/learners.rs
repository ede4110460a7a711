//! The learning rules beside the engine: their names, when their state is written down, and what those on trial would
//! have raised.
//!
//! States are written every [`MODELS_EVERY_MS`] and at an orderly end. A power cut loses at most that much of learning;
//! nothing that was learnt before.
//!
//! The live table learns once what rules there are, and from then on what has changed about them: a thousand rules that
//! stand still cost a thousand comparisons a second and no copy.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::condition::{ConditionChange, Tri};
use crate::model::finding::{Outlook, Standing};
use crate::model::id::RuleIx;
use crate::model::journal::{Note, Stream};
use crate::model::site::Site;
use crate::model::time::BootMs;
use crate::pipeline::notes::Kept;
use crate::pipeline::sink::Models;
use crate::rules::{Engine, RuleDef};

/// At most one and a half kilobytes a point: at 10,000 points an hour's writing is 15 MB, a third of a gigabyte a day.
const MODELS_EVERY_MS: i64 = 3_600_000;

/// Names and times.
#[derive(Debug)]
pub(super) struct Learners {
    keys: Vec<Arc<str>>,
    on_trial: Vec<bool>,
    any: bool,
    written: BootMs,
    /// How the learning rules stood when the live table was last told, in the engine's order.
    told: Vec<Standing>,
    /// Room for what has changed since; never longer than `told`.
    changed: Vec<(usize, Standing)>,
}

impl Learners {
    pub(super) fn new(rules: &[RuleDef], on_trial: &[bool], now: BootMs) -> Self {
        let any = rules.iter().any(|rule| rule.test.learns());
        let keys = rules.iter().map(|rule| Arc::clone(&rule.key)).collect();
        Self { keys, on_trial: on_trial.to_vec(), any, written: now, told: Vec::new(), changed: Vec::new() }
    }

    /// Goes on with what was learnt before.
    pub(super) fn take_up(&self, engine: &mut Engine, learned: &[(String, Vec<u8>)]) {
        for (key, bytes) in learned {
            let Some(ix) = self.keys.iter().position(|known| **known == **key) else { continue };
            if !engine.take_up(RuleIx::at(ix), bytes) {
                tracing::info!(rule = key, "what was learnt does not fit this rule any more; it learns anew");
            }
        }
    }

    /// Rules that begin anew: one by its key, or all of a device.
    pub(super) fn relearn(&self, engine: &mut Engine, key: &str) -> usize {
        let of_device = |known: &str| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        let meant = self.keys.iter().enumerate().filter(|(_, known)| ***known == *key || of_device(known));
        meant.filter(|(ix, _)| engine.relearn(RuleIx::at(*ix))).count()
    }

    /// All learning rules as they stand, for the live table; from then on only [`Learners::changed`].
    pub(super) fn outlooks(&mut self, engine: &Engine) -> Vec<Outlook> {
        self.told = engine.standings().collect();
        engine.outlooks(&|ix| self.key(ix))
    }

    /// What would read otherwise than the live table was told, by position in [`Learners::outlooks`].
    pub(super) fn changed(&mut self, engine: &Engine) -> &[(usize, Standing)] {
        self.changed.clear();
        for (position, (told, now)) in self.told.iter_mut().zip(engine.standings()).enumerate() {
            if now.differs(told) {
                *told = now;
                self.changed.push((position, now));
            }
        }
        &self.changed
    }

    /// The states, if they are to be written now.
    pub(super) fn models_due(&mut self, engine: &Engine, now: BootMs) -> Option<Models> {
        if now.since(self.written) < MODELS_EVERY_MS {
            return None;
        }
        self.written = now;
        self.models(engine)
    }

    pub(super) fn models(&self, engine: &Engine) -> Option<Models> {
        self.any.then(|| Arc::new(engine.learned(&|ix| self.key(ix))))
    }

    /// What a rule on trial has to say, for the journal.
    pub(super) fn on_trial(&self, change: &ConditionChange, site: &Site) -> Option<Kept> {
        let trial = self.on_trial.get(change.rule.ix()).copied().unwrap_or(false);
        if !trial || change.to == Tri::Unknown {
            return None;
        }
        let points: Vec<&str> = change
            .finding
            .iter()
            .flat_map(|f| &f.suspects)
            .filter_map(|s| site.points.get(s.point.ix()).map(|p| &*p.key))
            .collect();
        let facts = serde_json::json!({
            "holds": change.to == Tri::True,
            "boot_ms": change.at.0,
            "value": change.value,
            "limit": change.limit,
            "points": points,
        });
        let subject = self.key(change.rule).map(|k| k.to_string()).unwrap_or_default();
        Some(Kept::Note(Note { stream: Stream::Event, kind: "rule_on_trial".to_owned(), subject, facts }))
    }

    fn key(&self, ix: RuleIx) -> Option<Arc<str>> {
        self.keys.get(ix.ix()).cloned()
    }
}
