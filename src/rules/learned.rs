//! The engine's learning rules as seen from outside: what they know is written down, taken up again, shown, forgotten.

use std::sync::Arc;

use crate::model::finding::{Outlook, Standing};
use crate::model::id::RuleIx;
use crate::rules::engine::{Engine, Op};

impl Engine {
    /// What has been learnt, by rule key, for safe keeping. `key` names a rule.
    #[must_use]
    pub fn learned(&self, key: &dyn Fn(RuleIx) -> Option<Arc<str>>) -> Vec<(Arc<str>, Vec<u8>)> {
        self.learning().filter_map(|(ix, learn)| Some((key(ix)?, learn.write()?))).collect()
    }

    /// Takes up what was written down for a rule; false when it does not fit any more, then the rule learns anew.
    pub fn take_up(&mut self, ix: RuleIx, bytes: &[u8]) -> bool {
        match self.rule_mut(ix) {
            Some(Op::Learn(learn)) => learn.take_up(bytes),
            _ => false,
        }
    }

    /// Forgets what a rule has learnt; false when it does not learn.
    pub fn relearn(&mut self, ix: RuleIx) -> bool {
        match self.rule_mut(ix) {
            Some(Op::Learn(learn)) => {
                learn.relearn();
                true
            }
            _ => false,
        }
    }

    /// How each learning rule stands, in the order of [`Engine::outlooks`]; copies nothing but numbers.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.learning().map(|(_, learn)| Standing { progress: learn.progress(), ahead: learn.ahead() })
    }

    /// All learning rules, with their names and points.
    #[must_use]
    pub fn outlooks(&self, key: &dyn Fn(RuleIx) -> Option<Arc<str>>) -> Vec<Outlook> {
        let outlook = |(ix, learn): (RuleIx, &super::learn::Learn)| {
            let points = learn.points().to_vec();
            Some(Outlook { key: key(ix)?, points, progress: learn.progress(), ahead: learn.ahead() })
        };
        self.learning().filter_map(outlook).collect()
    }
}
