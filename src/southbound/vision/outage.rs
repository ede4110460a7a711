//! Cameras that fall silent together are told as one. Pure: time is an argument.
//!
//! The rule: cameras hang together when their events come over the same `mqtt` line, from hosts of the same network (the
//! first three numbers of an IPv4 address, the first four groups of an IPv6 address, a name without its first part), or, where
//! nothing is known of a camera that posts, over the listener. [`TOGETHER_MIN`] or more of them whose silence began within
//! [`TOGETHER_WITHIN_MS`] of each other are one trouble: a switch, a power supply, a broker. Any other silent camera has its
//! own.
//!
//! Because such a trouble is not seen of all cameras in the same second, a group is left alone until nothing has changed in
//! it for [`QUIET_MS`], at most for [`GATHER_MS`]. It is told anew when it has grown by half, or to all of them. It is over
//! when fewer than [`TOGETHER_MIN`] of its cameras are silent; those get their own alarms. What is heard again is told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{SourceConfig, Way};
use crate::model::intake::Presence;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// So many silent cameras are one trouble; two may be chance.
pub const TOGETHER_MIN: usize = 3;
/// Silences that begin within so long of each other have one cause: five one-minute signs of life.
pub const TOGETHER_WITHIN_MS: i64 = 300_000;
/// A group in which nothing has changed for so long is judged.
pub const QUIET_MS: i64 = 10_000;
/// A group is judged at the latest so long after the first change.
pub const GATHER_MS: i64 = 60_000;

/// What hangs together with this camera; `None` if nothing is known to. Contains a dot, which no camera's id does.
#[must_use]
pub fn group(source: &SourceConfig) -> Option<Arc<str>> {
    let host = match &source.way {
        Way::Mqtt { line, .. } => return Some(format!("line.{line}").into()),
        Way::Stream(stream) => &stream.url,
        Way::Push { .. } => match &source.fetch {
            Some(fetch) => &fetch.url,
            None => return Some("vision.push".into()),
        },
    };
    let url = reqwest::Url::parse(host).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let network = match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.octets()[..3].iter().map(u8::to_string).collect::<Vec<_>>().join("_"),
        Ok(IpAddr::V6(ip)) => ip.segments()[..4].iter().map(|n| format!("{n:x}")).collect::<Vec<_>>().join("_"),
        Err(_) => host.split_once('.')?.1.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
    };
    Some(format!("network.{network}").into())
}

/// Whether its silence can ever be a trouble.
#[must_use]
pub fn is_watched(source: &SourceConfig) -> bool {
    source.silent_after.is_some() || !matches!(source.way, Way::Push { .. })
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A camera by itself: silent, or `None` when its own alarm is over.
    Alone(Arc<str>, Option<Text>),
    /// Cameras of a group, of so many; `again` when it has been told before with fewer.
    Together {
        /// The group.
        group: Arc<str>,
        /// Those that are silent, by id.
        silent: Vec<Arc<str>>,
        /// All of the group that are watched.
        of: usize,
        /// Why the first of them counts as silent.
        why: Text,
        /// It has grown since it was told.
        again: bool,
    },
    /// No group of cameras is silent any more.
    Over(Arc<str>),
}

/// The watch over all cameras.
#[derive(Debug, Default)]
pub struct Watch {
    groups: BTreeMap<Arc<str>, Group>,
    /// The group of each camera that has others beside it.
    homes: BTreeMap<Arc<str>, Arc<str>>,
    /// What was last told of each camera's own alarm.
    told: BTreeMap<Arc<str>, bool>,
}

#[derive(Debug, Default)]
struct Group {
    of: usize,
    /// Silent ones: since when, and why.
    silent: BTreeMap<Arc<str>, (BootMs, Text)>,
    /// Of which nothing is known yet.
    unknown: BTreeSet<Arc<str>>,
    /// First and last change that has not been judged.
    unsettled: Option<(BootMs, BootMs)>,
    /// Those told as one.
    members: BTreeSet<Arc<str>>,
    alarm: Alarm,
}

/// The alarm of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Alarm {
    #[default]
    None,
    /// Of an earlier run.
    Inherited,
    /// Told with so many.
    Told(usize),
}

impl Watch {
    /// `standing` tells whether the alarm of a group is on the list from an earlier run.
    #[must_use]
    pub fn new(sources: &[SourceConfig], standing: impl Fn(&str) -> bool) -> Self {
        let mut watch = Self::default();
        for source in sources.iter().filter(|source| is_watched(source)) {
            let Some(name) = group(source) else { continue };
            let alarm = if standing(&name) { Alarm::Inherited } else { Alarm::None };
            let group = watch.groups.entry(Arc::clone(&name)).or_default();
            group.of += 1;
            group.unknown.insert(Arc::clone(&source.camera));
            group.alarm = alarm;
            watch.homes.insert(Arc::clone(&source.camera), name);
        }
        watch
    }

    /// The groups there are.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<str>> {
        self.groups.keys()
    }

    /// What is to be told now.
    pub fn look(&mut self, seen: impl IntoIterator<Item = (Arc<str>, Presence)>, now: BootMs) -> Vec<Told> {
        let mut out = Vec::new();
        for (camera, presence) in seen {
            let trouble = match presence {
                // Nothing is known: an alarm from before the start stands.
                Presence::Unknown => continue,
                Presence::Heard => None,
                Presence::Silent(why) => Some(why),
            };
            let group = self.homes.get(&camera).and_then(|name| self.groups.get_mut(name));
            match group.filter(|group| group.of >= TOGETHER_MIN) {
                Some(group) => {
                    let silent = trouble.is_some();
                    group.note(&camera, trouble, now);
                    if !silent {
                        tell(&mut self.told, &camera, None, &mut out);
                    }
                }
                None => tell(&mut self.told, &camera, trouble, &mut out),
            }
        }
        for (name, group) in &mut self.groups {
            group.judge(name, now, &mut self.told, &mut out);
        }
        out
    }
}

fn tell(told: &mut BTreeMap<Arc<str>, bool>, camera: &Arc<str>, trouble: Option<Text>, out: &mut Vec<Told>) {
    if told.insert(Arc::clone(camera), trouble.is_some()) != Some(trouble.is_some()) {
        out.push(Told::Alone(Arc::clone(camera), trouble));
    }
}

impl Group {
    fn note(&mut self, camera: &Arc<str>, trouble: Option<Text>, now: BootMs) {
        let was_unknown = self.unknown.remove(camera);
        let changed = match trouble {
            Some(why) if !self.silent.contains_key(camera) => {
                self.silent.insert(Arc::clone(camera), (now, why));
                true
            }
            Some(_) => false,
            None => self.silent.remove(camera).is_some(),
        };
        if changed || was_unknown {
            let first = self.unsettled.map_or(now, |(first, _)| first);
            self.unsettled = Some((first, now));
        }
    }

    fn judge(&mut self, name: &Arc<str>, now: BootMs, told: &mut BTreeMap<Arc<str>, bool>, out: &mut Vec<Told>) {
        if self.of < TOGETHER_MIN {
            // It had more cameras once.
            self.over(name, out);
            return;
        }
        let Some((first, last)) = self.unsettled else { return };
        if now.since(last) < QUIET_MS && now.since(first) < GATHER_MS && !self.silent.is_empty() {
            return;
        }
        self.unsettled = None;
        self.members.retain(|camera| self.silent.contains_key(camera));
        let fresh = self.together();
        self.members.extend(fresh);
        if self.members.len() >= TOGETHER_MIN {
            self.tell_together(name, out);
        } else if self.alarm != Alarm::None && !self.unknown.is_empty() {
            // An alarm from before the start, and not all are known yet: it stands, and speaks for them.
            return;
        } else {
            self.members.clear();
            self.over(name, out);
        }
        for (camera, (_, why)) in &self.silent {
            let own = (!self.members.contains(camera)).then(|| why.clone());
            tell(told, camera, own, out);
        }
    }

    /// Cameras whose silences began close enough to each other.
    fn together(&self) -> Vec<Arc<str>> {
        let mut by_time: Vec<_> = self.silent.iter().map(|(camera, (since, _))| (*since, camera)).collect();
        by_time.sort_unstable();
        let close = |a: &(BootMs, &Arc<str>), b: &(BootMs, &Arc<str>)| b.0.since(a.0) <= TOGETHER_WITHIN_MS;
        let crowds = by_time.chunk_by(close).filter(|crowd| crowd.len() >= TOGETHER_MIN);
        crowds.flatten().map(|(_, camera)| Arc::clone(camera)).collect()
    }

    fn over(&mut self, name: &Arc<str>, out: &mut Vec<Told>) {
        if std::mem::take(&mut self.alarm) != Alarm::None {
            out.push(Told::Over(Arc::clone(name)));
        }
    }

    fn tell_together(&mut self, name: &Arc<str>, out: &mut Vec<Told>) {
        let silent = self.members.len();
        let again = match self.alarm {
            Alarm::Told(before) if silent * 2 >= before * 3 || (silent == self.of && before < silent) => true,
            // Shrunk or hardly grown: what was told stands, and counts.
            Alarm::Told(_) => return,
            // Repeating an alarm of an earlier run is harmless.
            Alarm::Inherited | Alarm::None => false,
        };
        self.alarm = Alarm::Told(silent);
        let first = self.members.iter().filter_map(|camera| self.silent.get(camera)).min_by_key(|(since, _)| *since);
        out.push(Told::Together {
            group: Arc::clone(name),
            silent: self.members.iter().cloned().collect(),
            of: self.of,
            why: first.map(|(_, why)| why.clone()).unwrap_or_default(),
            again,
        });
    }
}

#[cfg(test)]
mod tests;
