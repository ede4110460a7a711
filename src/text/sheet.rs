//! Sheets: comma-separated values (RFC 4180) with the place of every cell. Pure.
//!
//! The separator is a comma, or what the head uses instead (`;` or a tab, as spreadsheets save it in some countries).

use std::borrow::Cow;
use std::ops::Range;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Its text, trimmed, quotes resolved.
    pub text: Cow<'a, str>,
    /// Its bytes in the file, quotes included, blanks around it not.
    pub range: Range<usize>,
}

/// A row that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The cells.
    pub cells: Vec<Cell<'a>>,
}

/// A quote that is never closed, or text behind a closing one: the byte where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quote that is not closed")]
pub struct QuoteFault(pub usize);

/// All rows; lines that are empty or hold only separators are left out.
pub fn rows(text: &str) -> Result<Vec<Row<'_>>, QuoteFault> {
    let head = text.lines().next().unwrap_or("");
    let separator = [b',', b';', b'\t'].into_iter().max_by_key(|s| head.bytes().filter(|b| b == s).count());
    let separator = separator.filter(|s| head.as_bytes().contains(s)).unwrap_or(b',');
    let mut rows = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let mut row = Row { cells: Vec::new() };
        loop {
            let (cell, next, more) = cell(text, at, separator)?;
            row.cells.push(cell);
            at = next;
            if !more {
                break;
            }
        }
        if row.cells.iter().any(|c| !c.text.is_empty()) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The cell from `at` on, the byte behind it and its separator, and whether the row goes on.
fn cell(text: &str, at: usize, separator: u8) -> Result<(Cell<'_>, usize, bool), QuoteFault> {
    let bytes = text.as_bytes();
    let is_end = |b: u8| b == separator || b == b'\n';
    let blank = |b: u8| b == b' ' || (b == b'\t' && separator != b'\t');
    let start = at + bytes.get(at..).unwrap_or(&[]).iter().take_while(|b| blank(**b)).count();
    let quoted = bytes.get(start) == Some(&b'"');
    let close = if quoted { closing_quote(bytes, start)? + 1 } else { start };
    let rest = bytes.get(close..).unwrap_or(&[]);
    let end = close + rest.iter().position(|b| is_end(*b)).unwrap_or(rest.len());
    let more = bytes.get(end).is_some_and(|b| *b == separator);
    let next = (end + 1).min(text.len() + 1);
    if quoted {
        if !text.get(close..end).unwrap_or("").trim().is_empty() {
            return Err(QuoteFault(close));
        }
        let inner = text.get(start + 1..close - 1).unwrap_or("");
        let inner = if inner.contains("\"\"") { Cow::Owned(inner.replace("\"\"", "\"")) } else { Cow::Borrowed(inner) };
        return Ok((Cell { text: inner, range: start..close }, next, more));
    }
    let raw = text.get(start..end).unwrap_or("").trim_end();
    Ok((Cell { text: Cow::Borrowed(raw), range: start..start + raw.len() }, next, more))
}

fn closing_quote(bytes: &[u8], open: usize) -> Result<usize, QuoteFault> {
    let mut at = open + 1;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), Some(b'"')) => at += 2,
            (Some(b'"'), _) => return Ok(at),
            (Some(_), _) => at += 1,
            (None, _) => return Err(QuoteFault(open)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<String>> {
        let rows = rows(text).unwrap();
        for row in &rows {
            for cell in &row.cells {
                assert!(text.get(cell.range.clone()).is_some());
            }
        }
        rows.iter().map(|r| r.cells.iter().map(|c| c.text.to_string()).collect()).collect()
    }

    #[test]
    fn reads_sheets() {
        assert_eq!(
            texts("id,name\r\na, 三号 \r\n\r\n,,\nb,\"x, \"\"y\"\"\""),
            [["id", "name"], ["a", "三号"], ["b", "x, \"y\""]]
        );
        assert_eq!(texts("id;name\na;b,c\n"), [["id", "name"], ["a", "b,c"]]);
        assert_eq!(texts("id\tname\na\t\n"), [["id", "name"], ["a", ""]]);
        assert_eq!(texts("id,a\n1,"), [["id", "a"], ["1", ""]]);
        assert!(texts("").is_empty());
        assert_eq!(rows("id\n\"open").unwrap_err(), QuoteFault(3));
        assert_eq!(rows("\"a\"b").unwrap_err(), QuoteFault(3));
    }
}
