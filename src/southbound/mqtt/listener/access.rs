//! Who may log in and what that opens. Pure.
//!
//! Invariants: a client publishes only at or below a topic of its own credential's devices and subscribes only to their
//! command topics; passwords are compared in a time that does not depend on where they differ. Without any credential on
//! the line everybody may do everything the line serves, which [`super::MqttListenLine`] permits on loopback only.

use std::collections::HashSet;

use crate::southbound::mqtt::topic;
use crate::southbound::mqtt::{DeviceLogin, Login};

/// Position of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Who(pub(super) usize);

/// All credentials of a line.
#[derive(Debug)]
pub(super) struct Access {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// None: anybody.
    login: Option<Login>,
    devices: usize,
    prefixes: HashSet<Box<str>>,
}

impl Access {
    /// The logins of the line; with none, anybody may use `all_topics`.
    pub(super) fn new(logins: Vec<DeviceLogin>, all_topics: impl Iterator<Item = String>) -> Self {
        let mut entries: Vec<Entry> = logins
            .into_iter()
            .map(|l| Entry {
                login: Some(l.login),
                devices: l.devices.len(),
                prefixes: l.topics.into_iter().map(Into::into).collect(),
            })
            .collect();
        if entries.is_empty() {
            let prefixes: HashSet<Box<str>> = all_topics.map(Into::into).collect();
            entries.push(Entry { login: None, devices: prefixes.len(), prefixes });
        }
        Self { entries }
    }

    /// Number of credentials.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whose login this is. Every entry is compared, whether or not an earlier one fits.
    pub(super) fn admit(&self, given: Option<&Login>) -> Option<Who> {
        if let [Entry { login: None, .. }] = self.entries.as_slice() {
            return Some(Who(0));
        }
        let given = given?;
        let mut found = None;
        for (ix, entry) in self.entries.iter().enumerate() {
            let Some(login) = &entry.login else { continue };
            let same = same(login.user.as_bytes(), given.user.as_bytes())
                & same(login.password.as_bytes(), given.password.as_bytes());
            if same {
                found = Some(Who(ix));
            }
        }
        found
    }

    /// Devices behind a credential.
    pub(super) fn devices(&self, who: Who) -> usize {
        self.entries.get(who.0).map_or(0, |entry| entry.devices)
    }

    /// Whether `who` may publish to `name`: one look-up per level of the topic, however many devices there are.
    pub(super) fn may_publish(&self, who: Who, name: &str) -> bool {
        self.entries.get(who.0).is_some_and(|entry| ancestors(name).any(|prefix| entry.prefixes.contains(prefix)))
    }

    /// Whether `who` may subscribe to `filter`.
    pub(super) fn may_subscribe(&self, who: Who, filter: &str) -> bool {
        let Some(entry) = self.entries.get(who.0) else { return false };
        ancestors(filter).any(|prefix| entry.prefixes.contains(prefix) && topic::is_command_of(prefix, filter))
    }
}

/// `a/b/c`, `a/b`, `a`.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |at| at.rsplit_once('/').map(|(before, _)| before))
}

/// Compares every byte of `given`, whatever the outcome.
fn same(known: &[u8], given: &[u8]) -> bool {
    let mut differ = u8::from(known.len() != given.len());
    for (ix, byte) in given.iter().enumerate() {
        differ |= byte ^ known.get(ix).copied().unwrap_or(0);
    }
    std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests;
