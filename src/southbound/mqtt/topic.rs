//! Topic names and filters after MQTT 3.1.1 and 5.0, clause 4.7. Pure.
//!
//! The codec's own checks are not used: its `matches` cuts the first *byte* of a topic and so panics on Chinese ones.

use super::limits::TOPIC_BYTES_MAX;

/// A name that may be published to: not empty, no wildcard, no NUL or other control character, at most
/// [`TOPIC_BYTES_MAX`] bytes. (4.7.3 allows control characters other than NUL; 1.5.3 lets a receiver close on them.)
#[must_use]
pub fn is_name(topic: &str) -> bool {
    fits(topic) && !topic.contains(['+', '#'])
}

/// A filter that may be subscribed to (4.7.1): wildcards fill a whole level, `#` only at the end.
#[must_use]
pub fn is_filter(filter: &str) -> bool {
    if !fits(filter) {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let lone = level.len() == 1;
        if level.contains('+') && !lone {
            return false;
        }
        if level.contains('#') && (!lone || levels.peek().is_some()) {
            return false;
        }
    }
    true
}

fn fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= TOPIC_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Whether a filter has a wildcard.
#[must_use]
pub fn is_wild(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

/// Whether `filter` matches `topic` (4.7.1; 4.7.2: a leading wildcard does not match `$SYS` and its like).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        if part == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if part == "+" || part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether `topic` is `prefix` itself or lies below it.
#[must_use]
pub fn is_at_or_below(prefix: &str, topic: &str) -> bool {
    match topic.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// First levels below a device's topic that carry commands to it.
pub const COMMAND_LEVELS: [&str; 4] = ["down", "set", "get", "cmd"];

/// Whether `filter` asks only for commands to the device at `prefix`: `prefix/down/#`, `prefix/set`, ... Wildcards are
/// fine inside, since everything below is the device's own.
#[must_use]
pub fn is_command_of(prefix: &str, filter: &str) -> bool {
    let Some(below) = filter.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else { return false };
    below.split('/').next().is_some_and(|level| COMMAND_LEVELS.contains(&level))
}

#[cfg(test)]
mod tests;
