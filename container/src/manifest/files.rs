//! All files of a manifest in one address space, so that a span alone tells file, line and column.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use wirework::config::Span;

use super::parameters::Parameters;

/// What the standard input is called in messages.
pub(super) const STDIN: &str = "<stdin>";

/// The files in the order in which they were read; offsets begin at 1, so that a span from 0 has no place.
#[derive(Debug, Default)]
pub struct Files {
    list: Vec<File>,
    /// Words that are certainly keys; see [`Files::learn`].
    words: HashSet<String>,
    /// Values that are no secret, in their order; see [`Files::show`].
    public: Vec<Span>,
    /// The parameters whose values are those of a file, with that file.
    parameters: HashMap<String, PathBuf>,
}

/// One file. `Debug` shows none of its text.
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
    /// The parts whose syntax is broken, in their order.
    broken: Vec<Range<usize>>,
}

/// The part of a file around a place: from where to where, and whether its syntax is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg(feature = "cli")]
pub(super) struct Part {
    pub range: Range<usize>,
    pub is_broken: bool,
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
        let base = self.list.last().map_or(Some(1), |last| last.end().checked_add(1))?;
        base.checked_add(u32::try_from(text.len()).ok()?)?.checked_add(1)?;
        let (path, lines) = (path.into(), OnceLock::new());
        self.list.push(File { path, text, base, parsing: Duration::ZERO, lines, broken: Vec::new() });
        Some(base)
    }

    /// The file that was added last has been parsed in this time, and these parts of it, in their order, are broken.
    pub(super) fn parsed(&mut self, took: Duration, broken: Vec<Range<usize>>) {
        if let Some(last) = self.list.last_mut() {
            (last.parsing, last.broken) = (took, broken);
        }
    }

    /// Whether the syntax of any file is broken, so that sections may be lost.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        self.list.iter().any(|file| !file.broken.is_empty())
    }

    /// Whether the syntax of the file that a span lies in is broken somewhere, so that whatever broke it may have put anything into the
    /// place of a key; of any file, where nobody knows in which it lies.
    #[must_use]
    pub fn is_broken_at(&self, span: Span) -> bool {
        self.file(span).map_or_else(|| self.has_broken(), |file| !file.broken.is_empty())
    }

    /// The first file without what stands before an offset in it: places behind that count from there, others are none.
    #[must_use]
    pub(crate) fn behind(&self, offset: usize) -> Self {
        let part = |file: &File| {
            let base = file.base.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            let text = file.text.get(offset..).unwrap_or_default().to_owned();
            let shifted =
                |range: &Range<usize>| range.start.saturating_sub(offset)..range.end.saturating_sub(offset);
            let broken = file.broken.iter().filter(|range| range.end > offset).map(shifted).collect();
            let path = file.path.clone();
            File { path, text, base, parsing: file.parsing, lines: OnceLock::new(), broken }
        };
        let list = self.list.first().map(part).into_iter().collect();
        Self { list, words: self.words.clone(), public: self.public.clone(), parameters: HashMap::new() }
    }

    /// No files yet, whose parameters have these values.
    pub(super) fn with_parameters(parameters: &Parameters) -> Self {
        let filed = parameters.filed().filter(|(name, _)| !parameters.is_given_alone(name));
        let filed = filed.map(|(name, path)| (name.to_owned(), path.to_owned()));
        Self { parameters: filed.collect(), ..Self::default() }
    }

    /// The file of parameters, absolute, from which a parameter has its value.
    pub(super) fn of_parameter(&self, name: &str) -> Option<PathBuf> {
        let path = self.parameters.get(name)?;
        Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    }

    /// Takes over words that are keys of components: an excerpt of a broken file shows them where a key stands.
    pub fn learn(&mut self, words: impl IntoIterator<Item = String>) {
        self.words.extend(words);
    }

    /// Whether a word is certainly a key: of a component, or of the container.
    #[cfg(feature = "cli")]
    pub(super) fn is_key(&self, word: &str) -> bool {
        super::container_keys::CONTAINER_KEYS.iter().any(|key| key.name == word) || self.words.contains(word)
    }

    /// Takes over values that are no secret, in their order and apart from each other: excerpts show them.
    pub(crate) fn show(&mut self, values: Vec<Span>) {
        self.public = values;
    }

    /// The values that are no secret and have a part between two places.
    #[cfg(feature = "cli")]
    pub(super) fn shown(&self, between: Span) -> &[Span] {
        let first = self.public.partition_point(|value| value.end <= between.start);
        let end = self.public.partition_point(|value| value.start < between.end);
        self.public.get(first..end.max(first)).unwrap_or_default()
    }

    /// The line in which a span begins, without its end.
    pub(crate) fn line(&self, span: Span) -> Option<Span> {
        let file = self.file(span)?;
        let (_, start) = file.line_at(span.start - file.base);
        let length = file.text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        let at = |offset: usize| file.base.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
        Some(Span::new(at(start), at(start + length)))
    }

    /// The files in the order in which they were read.
    pub fn iter(&self) -> std::slice::Iter<'_, File> {
        self.list.iter()
    }

    /// The file that a span lies in.
    #[must_use]
    pub fn file(&self, span: Span) -> Option<&File> {
        let behind = self.list.partition_point(|file| file.base <= span.start);
        self.list.get(behind.checked_sub(1)?)
    }

    /// The whole path of a file that is named at a span, relative to the file of the manifest that the span is in.
    #[must_use]
    pub fn beside(&self, span: Span, path: &str) -> PathBuf {
        let folder = self.file(span).and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
        let full = folder.join(path);
        // Where there is no working directory the path has to do as it is.
        std::path::absolute(&full).unwrap_or(full)
    }

    /// What stands at a span, as it is written.
    #[must_use]
    pub fn written(&self, span: Span) -> Option<&str> {
        let file = self.file(span)?;
        file.text.get(file.floor(span.start - file.base)..file.floor(span.end.checked_sub(file.base)?))
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

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("bytes", &self.text.len())
            .field("base", &self.base)
            .field("parsing", &self.parsing)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
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

    /// The part of the file that holds a place.
    #[cfg(feature = "cli")]
    pub(super) fn part(&self, at: usize) -> Part {
        let mut start = 0;
        for broken in &self.broken {
            if at < broken.start {
                return Part { range: start..broken.start, is_broken: false };
            }
            if at < broken.end || broken.end == self.text.len() {
                return Part { range: broken.clone(), is_broken: true };
            }
            start = broken.end;
        }
        Part { range: start..self.text.len(), is_broken: false }
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
    fn a_part_is_broken_or_between_broken_ones() {
        let mut files = Files::default();
        files.add("a.toml", "0123456789".to_owned()).unwrap();
        let parts = |files: &Files| [0, 2, 5, 9, 10].map(|at| files.iter().next().unwrap().part(at));
        assert!(parts(&files).iter().all(|part| !part.is_broken && part.range == (0..10)));
        files.parsed(Duration::ZERO, vec![2..5, 8..10]);
        let part = |range, is_broken| Part { range, is_broken };
        let expected =
            [part(0..2, false), part(2..5, true), part(5..8, false), part(8..10, true), part(8..10, true)];
        assert_eq!(parts(&files), expected);
        assert!(!format!("{files:?}").contains("0123"));
    }

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
