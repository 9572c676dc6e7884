//! All files of a manifest in one address space, so that a span alone tells file, line and column.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use wirework::config::Span;

/// The files in the order in which they were read; offsets begin at 1, so that a span from 0 has no place.
#[derive(Debug, Default)]
pub struct Files(Vec<File>);

/// One file.
#[derive(Debug)]
pub struct File {
    /// As it was named, or as the include led to it.
    pub path: PathBuf,
    /// Its text; what was no UTF-8 is replaced.
    pub text: String,
    /// Where it begins in the address space.
    pub base: u32,
    /// How long the TOML parser took over it.
    pub parsing: Duration,
    /// Where each line begins, in the file; found when first asked for.
    lines: OnceLock<Vec<u32>>,
}

/// A place for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// Which file.
    pub path: &'a Path,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Files {
    /// Adds a file and answers where it begins; `None` when the address space of 4 GiB is full.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: String) -> Option<u32> {
        let base = self.0.last().map_or(Some(1), |last| last.end().checked_add(1))?;
        base.checked_add(u32::try_from(text.len()).ok()?)?.checked_add(1)?;
        self.0.push(File { path: path.into(), text, base, parsing: Duration::ZERO, lines: OnceLock::new() });
        Some(base)
    }

    /// The file that was added last has been parsed in this time.
    pub(super) fn parsed(&mut self, took: Duration) {
        if let Some(last) = self.0.last_mut() {
            last.parsing = took;
        }
    }

    /// The files in the order in which they were read.
    pub fn iter(&self) -> std::slice::Iter<'_, File> {
        self.0.iter()
    }

    /// The file that a span lies in.
    #[must_use]
    pub fn file(&self, span: Span) -> Option<&File> {
        let behind = self.0.partition_point(|file| file.base <= span.start);
        self.0.get(behind.checked_sub(1)?)
    }

    /// File, line and column of a span's beginning.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<Location<'_>> {
        let file = self.file(span)?;
        let (line, start) = file.line_at(span.start - file.base);
        let before = file.text.get(start..file.floor(span.start - file.base)).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        Some(Location { path: &file.path, line, column })
    }
}

impl File {
    /// Behind its last byte, in the address space.
    fn end(&self) -> u32 {
        self.base.saturating_add(u32::try_from(self.text.len()).unwrap_or(u32::MAX))
    }

    /// The number of the line at an offset in the file, from 1, and where it begins.
    #[must_use]
    pub fn line_at(&self, offset: u32) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
            std::iter::once(0).chain(starts).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        (line, lines.get(line.saturating_sub(1)).map_or(0, |start| *start as usize))
    }

    /// The place in the text that an offset stands for: not behind its end and not inside a character.
    #[must_use]
    pub fn floor(&self, offset: u32) -> usize {
        let mut at = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_tells_file_line_and_column() {
        let mut files = Files::default();
        assert_eq!(files.locate(Span::default()), None);
        assert_eq!(files.add("a.toml", "\u{feff}a = 1\r\né = 2\n".to_owned()), Some(1));
        let second = files.add("b.toml", String::new()).unwrap();
        let at = |offset: u32| {
            let place = files.locate(Span::new(offset, offset)).unwrap();
            (place.path.to_str().unwrap().to_owned(), place.line, place.column)
        };
        assert_eq!(at(4), ("a.toml".to_owned(), 1, 1));
        assert_eq!(at(11), ("a.toml".to_owned(), 2, 1));
        assert_eq!(at(14), ("a.toml".to_owned(), 2, 3));
        assert_eq!(at(second), ("b.toml".to_owned(), 1, 1));
        assert_eq!(at(9999), ("b.toml".to_owned(), 1, 1));
        assert_eq!(files.locate(Span::default()), None);
    }
}
