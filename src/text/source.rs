//! Where things stand: files by number, byte spans in them, and lines and columns as an editor counts them.
//!
//! Columns count characters from 1, so they agree with an editor on lines that hold Chinese text. Pure.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Number of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIx(u32);

/// A stretch of bytes of one file. Always on character boundaries when made by the readers of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileIx,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// `range` of `file`.
    #[must_use]
    pub fn new(file: FileIx, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end.max(range.start) }
    }
}

/// A line and a column, both from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub col: usize,
}

/// One text with its name.
#[derive(Clone)]
pub struct SourceFile {
    name: String,
    text: Arc<str>,
    line_starts: Vec<usize>,
}

impl SourceFile {
    fn new(name: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Self { name: name.to_owned(), text: Arc::from(text), line_starts }
    }

    /// Path as given by the user, or `shipped:pump/vfd_generic.toml`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Line and column of a byte; a byte past the end is the end, one inside a character its beginning.
    #[must_use]
    pub fn position(&self, byte: usize) -> Position {
        let byte = self.text.floor_char_boundary(byte.min(self.text.len()));
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let col = self.text.get(start..byte).map_or(0, |before| before.chars().count()) + 1;
        Position { line, col }
    }

    /// Bytes of the line with this number (from 1), without its line end.
    #[must_use]
    pub fn line(&self, line: usize) -> Range<usize> {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("");
        start..start + text.trim_end_matches(['\n', '\r']).len()
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.name, self.text.len())
    }
}

/// All files that were read, so that a [`Span`] can be shown.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Keeps a text under a name and gives it a number.
    pub fn add(&mut self, name: &str, text: &str) -> FileIx {
        let ix = u32::try_from(self.files.len()).expect("fewer than 2^32 files are read");
        self.files.push(SourceFile::new(name, text));
        FileIx(ix)
    }

    /// The file with this number.
    #[must_use]
    pub fn file(&self, ix: FileIx) -> Option<&SourceFile> {
        self.files.get(ix.0 as usize)
    }

    /// The text of a span, empty when it does not fit.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file).and_then(|f| f.text.get(span.start..span.end)).unwrap_or("")
    }

    /// All files, in the order they were read.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let mut sources = Sources::default();
        let ix = sources.add("a", "x\n三号 = 1\r\nlast");
        let file = sources.file(ix).unwrap();
        for (byte, line, col) in
            [(0, 1, 1), (1, 1, 2), (2, 2, 1), (5, 2, 2), (6, 2, 2), (8, 2, 3), (14, 3, 1), (99, 3, 5)]
        {
            assert_eq!(file.position(byte), Position { line, col }, "byte {byte}");
        }
        assert_eq!(file.line(2), 2..12);
        assert_eq!(file.line(3), 14..18);
        assert_eq!(file.line(9), 18..18);
    }
}
