//! What an excerpt of a file, or of a part of one, hides: every value and every comment.
//!
//! The text is one that TOML can read; of any other nothing is shown that has been found like this (see `broken`).

use std::ops::Range;

use super::container_keys::{Kind, Place, find};
use wirework::config::has_user_info;

/// A stretch of a file that an excerpt hides: a value or a comment, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    pub range: Range<usize>,
    /// The key is the container's own: its value is no secret.
    pub public: bool,
}

/// Finds all values and comments of a text, in their order.
pub(super) fn hidden(text: &str) -> Vec<Hidden> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, header: "", found: Vec::new() };
    if text.starts_with('\u{feff}') {
        scanner.at = '\u{feff}'.len_utf8();
    }
    while scanner.at < text.len() {
        scanner.statement();
    }
    scanner.found
}

/// The values of the container's own keys in a text, as they are written: no secret has a place there.
#[cfg(feature = "cli")]
pub fn container_values(text: &str) -> impl Iterator<Item = &str> {
    hidden(text).into_iter().filter(|stretch| stretch.public).filter_map(|stretch| text.get(stretch.range))
}

/// Walks over a file, statement by statement.
struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// What stands between the brackets of the last header.
    header: &'t str,
    found: Vec<Hidden>,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn starts_with(&self, what: &str) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn hide(&mut self, start: usize, public: bool) {
        if start < self.at {
            self.found.push(Hidden { range: start..self.at, public });
        }
    }

    fn line_end(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |at| self.at + at);
        if end > self.at && self.bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end }
    }

    /// One line, or a value over several.
    fn statement(&mut self) {
        self.blanks();
        match self.peek() {
            None => {}
            Some(b'\n' | b'\r') => self.at += 1,
            Some(b'#') => self.comment(),
            Some(b'[') => self.head(),
            Some(_) => self.pair(),
        }
    }

    /// A header, and the comment behind it.
    fn head(&mut self) {
        let (begin, end) = (self.at, self.line_end());
        self.key(end, b'#');
        let line = self.text.get(begin..self.at).unwrap_or_default();
        let behind = line.trim_start_matches(BRACKETS);
        self.header = behind.trim_end_matches(BRACKETS);
        if may_be_uri(self.header) {
            let start = self.at - behind.len();
            self.found.push(Hidden { range: start..start + self.header.len(), public: false });
        }
        if self.peek() == Some(b'#') {
            self.comment();
        }
    }

    /// Passes a key up to a mark behind it, or to the end of its line.
    fn key(&mut self, end: usize, mark: u8) {
        while self.at < end {
            match self.peek() {
                Some(byte) if byte == mark => break,
                Some(quote @ (b'"' | b'\'')) => self.quoted(quote, 1),
                _ => self.at += 1,
            }
        }
    }

    fn comment(&mut self) {
        let start = self.at + 1;
        self.at = self.line_end();
        self.hide(start, false);
    }

    fn pair(&mut self) {
        let (start, end) = (self.at, self.line_end());
        self.key(end, b'=');
        if self.peek() != Some(b'=') {
            // No key: perhaps what is left of a value.
            self.at = end.max(start + 1);
            return self.hide(start, false);
        }
        let key = self.text.get(start..self.at).unwrap_or_default();
        if may_be_uri(key) {
            self.hide(start, false);
        }
        let public = is_public(self.header, key);
        self.at += 1;
        self.value(public);
    }

    /// All up to the end of the line on which no bracket is open any more.
    fn value(&mut self, public: Public) {
        let mut open: Vec<u8> = Vec::new();
        let mut key = false;
        loop {
            self.blanks();
            let start = self.at;
            match self.peek() {
                None => return,
                Some(b'\n' | b'\r') if open.is_empty() => return,
                Some(b'\n' | b'\r') => self.at += 1,
                Some(b'#') => self.comment(),
                Some(bracket @ (b'[' | b'{')) => {
                    open.push(bracket);
                    key = bracket == b'{';
                    self.at += 1;
                }
                Some(b']' | b'}') => {
                    open.pop();
                    key = false;
                    self.at += 1;
                }
                Some(b',') => {
                    key = open.last() == Some(&b'{');
                    self.at += 1;
                }
                Some(b'=') => {
                    key = false;
                    self.at += 1;
                }
                Some(_) => {
                    let inner = self.token();
                    self.blanks();
                    let is_key = key && matches!(self.peek(), Some(b'=' | b'.'));
                    let public = match public {
                        Public::Nothing => false,
                        Public::Lists => !open.contains(&b'{'),
                        Public::Tables => true,
                    };
                    if !is_key || self.text.get(inner.clone()).is_some_and(may_be_uri) {
                        self.found.push(Hidden { range: inner, public });
                    }
                    debug_assert!(self.at > start);
                }
            }
        }
    }

    /// Passes a string or a bare word, and answers where what is in it lies.
    fn token(&mut self) -> Range<usize> {
        let start = self.at;
        for (quotes, quote) in [("\"\"\"", b'"'), ("'''", b'\'')] {
            if self.starts_with(quotes) {
                self.quoted(quote, 3);
                return start + 3..self.at.saturating_sub(3).max(start + 3).min(self.bytes.len());
            }
        }
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.quoted(quote, 1);
            let closed = self.at > start + 1 && self.bytes.get(self.at - 1) == Some(&quote);
            return start + 1..if closed { self.at - 1 } else { self.at };
        }
        while self.peek().is_some_and(|byte| {
            !matches!(byte, b',' | b']' | b'}' | b'#' | b'=' | b' ' | b'\t' | b'\r' | b'\n')
        }) {
            self.at += 1;
        }
        if self.at == start {
            self.at += 1;
        }
        start..self.at
    }

    /// Passes a string in `count` quotes; one in single quotes ends with its line, closed or not.
    fn quoted(&mut self, quote: u8, count: usize) {
        self.at += count;
        while let Some(byte) = self.peek() {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            if byte == quote && rest.iter().take(count).filter(|byte| **byte == quote).count() == count {
                self.at += count;
                // A string may end in up to two quotes of its own.
                while count == 3 && self.peek() == Some(quote) {
                    self.at += 1;
                }
                return;
            }
            match byte {
                b'\n' if count == 1 => return,
                b'\\' if quote == b'"' && rest.get(1).is_some_and(|next| *next != b'\n') => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
    }
}

/// What stands around the name in a header.
const BRACKETS: [char; 4] = ['[', ']', ' ', '\t'];

/// Whether a key as it is written has user name and password in it; nobody knows of one with escapes.
fn may_be_uri(key: &str) -> bool {
    has_user_info(key) || key.contains('\\')
}

/// What of the value of a key is no secret.
#[derive(Clone, Copy)]
enum Public {
    Nothing,
    /// The value, or the elements of a list.
    Lists,
    /// Those of a table, too.
    Tables,
}

/// What is no secret under a header, since the key is the container's own.
fn is_public(header: &str, key: &str) -> Public {
    let first = key.split('.').next().unwrap_or_default().trim();
    let at = |place: Place, name: &str| find(place, name).map(|key| key.kind);
    let kind = match header.split_once('.') {
        // Below `[component.references]` each key is the name of a field.
        Some(("component", table)) => at(Place::Component, table).filter(|kind| *kind == Kind::References),
        Some(_) => None,
        None if header == "service" => at(Place::Service, first),
        None if header == "component" => at(Place::Component, first),
        // A section whose header is lost begins with its descriptor.
        None if header.is_empty() => at(Place::Top, first)
            .or_else(|| at(Place::Component, first).filter(|kind| *kind == Kind::Descriptor)),
        None => None,
    };
    match kind {
        Some(Kind::References) => Public::Tables,
        Some(Kind::Section) | None => Public::Nothing,
        Some(_) => Public::Lists,
    }
}
