//! What the pages of alarms and of cases have in common: a story line by line, and paging through what is over.

use crate::api::page::when::When;

/// Rows of what is over on one page.
pub(super) const PAST: usize = 20;

/// One line of a story.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: String,
    pub(super) iso: String,
    pub(super) what: String,
    pub(super) class: &'static str,
    pub(super) by: String,
    pub(super) note: String,
}

impl Line {
    /// `what` in the reader's words, `class` the word of the stylesheet.
    pub(super) fn new(wall_ms: i64, when: &When, (what, class): (String, &'static str), by: &str, note: &str) -> Self {
        Self { at: when.short(wall_ms), iso: when.iso(wall_ms), what, class, by: by.to_owned(), note: note.to_owned() }
    }
}

/// Cuts `rows`, of which one more than [`PAST`] was asked for, to a page; where the next one begins, if there is one.
pub(super) fn page<T, K>(rows: &mut Vec<T>, key: impl Fn(&T) -> K) -> Option<K> {
    let more = rows.len() > PAST;
    rows.truncate(PAST);
    rows.last().filter(|_| more).map(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_begins() {
        let check = |count: usize, shown: usize, next: Option<usize>| {
            let mut rows: Vec<usize> = (0..count).collect();
            assert_eq!((page(&mut rows, |row| *row), rows.len()), (next, shown), "{count}");
        };
        check(0, 0, None);
        check(PAST, PAST, None);
        check(PAST + 1, PAST, Some(PAST - 1));
    }
}
