//! Topic filters to what hangs on them: exact topics by hash, wildcards in a trie of levels. Pure, built once.
//!
//! A look-up visits at most two branches per level, so its cost is bounded by the depth of the topic, not by the number
//! of filters.

use std::collections::HashMap;

use crate::southbound::mqtt::topic::is_wild;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Table<T> {
    exact: HashMap<Box<str>, Vec<T>>,
    root: Node<T>,
    wild: bool,
}

#[derive(Debug)]
struct Node<T> {
    levels: HashMap<Box<str>, Node<T>>,
    plus: Option<Box<Node<T>>>,
    here: Vec<T>,
    below: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { levels: HashMap::new(), plus: None, here: Vec::new(), below: Vec::new() }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), root: Node::default(), wild: false }
    }
}

impl<T: Copy + PartialEq> Table<T> {
    /// Hangs `what` on a valid filter; true if the filter is new.
    pub(super) fn insert(&mut self, filter: &str, what: T) -> bool {
        let list = if is_wild(filter) {
            self.wild = true;
            self.root.at(filter)
        } else {
            self.exact.entry(filter.into()).or_default()
        };
        list.push(what);
        list.len() == 1
    }

    /// Everything that hangs on filters matching `topic`, each once; replaces the contents of `found`.
    pub(super) fn find(&self, topic: &str, found: &mut Vec<T>) {
        found.clear();
        if let Some(list) = self.exact.get(topic) {
            found.extend_from_slice(list);
        }
        if self.wild {
            self.root.find(topic, topic.starts_with('$'), found);
        }
    }
}

impl<T: Copy + PartialEq> Node<T> {
    fn at(&mut self, filter: &str) -> &mut Vec<T> {
        let mut node = self;
        for level in filter.split('/') {
            match level {
                "#" => return &mut node.below,
                "+" => node = node.plus.get_or_insert_default(),
                _ => node = node.levels.entry(level.into()).or_default(),
            }
        }
        &mut node.here
    }

    fn find(&self, rest: &str, system: bool, found: &mut Vec<T>) {
        if !system {
            add(&self.below, found);
        }
        let (level, rest) = match rest.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (rest, None),
        };
        let plus = if system { None } else { self.plus.as_deref() };
        for node in self.levels.get(level).into_iter().chain(plus) {
            match rest {
                Some(rest) => node.find(rest, false, found),
                None => {
                    add(&node.here, found);
                    add(&node.below, found);
                }
            }
        }
    }
}

fn add<T: Copy + PartialEq>(list: &[T], found: &mut Vec<T>) {
    for what in list {
        if !found.contains(what) {
            found.push(*what);
        }
    }
}
