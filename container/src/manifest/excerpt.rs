//! The line that a problem points at, with every value that must not be shown masked.
//!
//! A value is shown where the problem permits it or where the key is the container's own; comments are masked, too.
//! Values are found by their characters, not by the parser, since a line that TOML cannot read may hold a secret as
//! well. What cannot be told apart is masked.

use std::ops::Range;

use wirework::config::{MASK, has_user_info};

/// The longest excerpt, in characters.
const WIDTH: usize = 160;

/// A stretch of a file that an excerpt hides: a value or a comment, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    pub range: Range<usize>,
    /// The key is the container's own: its value is no secret.
    public: bool,
}

/// A line to show: its text, and what to mark in it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub text: String,
    pub marked: Range<usize>,
}

/// Finds all values and comments of a file, in their order.
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

/// The line of `text` that begins at `start`, its values masked but for those in `shown`; `mark` is cut to this line.
pub(super) fn excerpt(
    text: &str,
    start: usize,
    mark: Range<usize>,
    hidden: &[Hidden],
    shown: &[Range<usize>],
) -> Excerpt {
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let end = start + line.len();
    let whole = |at: usize| {
        (start..=at.clamp(start, end)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start)
    };
    let mark = whole(mark.start)..whole(mark.end);
    let mut out = Masked { text, line: String::new(), mark, marked: 0..0 };
    let mut at = start;
    let first = hidden.partition_point(|hidden| hidden.range.end <= start);
    for value in hidden.iter().skip(first).take_while(|value| value.range.start < end) {
        let inside = |shown: &Range<usize>| shown.start <= value.range.start && value.range.end <= shown.end;
        let open = value.public || shown.iter().any(inside);
        if open && !text.get(value.range.clone()).is_some_and(has_user_info) {
            continue;
        }
        let range = value.range.start.max(start)..value.range.end.min(end);
        if range.start < at || range.is_empty() {
            continue;
        }
        out.copy(at..range.start);
        out.mask(range.clone());
        at = range.end;
    }
    out.copy(at..end);
    out.finish()
}

/// The line as it is put together; places in the source are turned into places in it.
struct Masked<'t> {
    text: &'t str,
    line: String,
    mark: Range<usize>,
    marked: Range<usize>,
}

impl Masked<'_> {
    fn copy(&mut self, range: Range<usize>) {
        let at = self.line.len();
        if range.contains(&self.mark.start) || range.end == self.mark.start {
            self.marked.start = at + (self.mark.start - range.start);
        }
        if range.contains(&self.mark.end) || range.end == self.mark.end {
            self.marked.end = at + (self.mark.end - range.start);
        }
        self.line.push_str(self.text.get(range).unwrap_or_default());
    }

    fn mask(&mut self, range: Range<usize>) {
        if range.contains(&self.mark.start) {
            self.marked.start = self.line.len();
        }
        self.line.push_str(MASK);
        if range.contains(&self.mark.end) || range.end == self.mark.end {
            self.marked.end = self.line.len();
        }
    }

    fn finish(self) -> Excerpt {
        let start = self.marked.start.min(self.line.len());
        let marked = start..self.marked.end.clamp(start, self.line.len());
        let text = self.line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
        if text.len() != self.line.len() || text.chars().count() > WIDTH {
            return cut(&self.line, marked);
        }
        Excerpt { text, marked }
    }
}

/// The part of a long line around what is marked, without control characters.
fn cut(line: &str, marked: Range<usize>) -> Excerpt {
    let before: Vec<char> =
        line.get(..marked.start).unwrap_or_default().chars().rev().take(WIDTH / 2).collect();
    let inside = line.get(marked.clone()).unwrap_or_default();
    let behind = line.get(marked.end..).unwrap_or_default();
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut text: String = before.into_iter().rev().map(plain).collect();
    let start = text.len();
    text.extend(inside.chars().take(WIDTH / 2).map(plain));
    let end = text.len();
    text.extend(behind.chars().take(WIDTH / 2).map(plain));
    Excerpt { text, marked: start..end }
}

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
            Some(b'[') => {
                let line = self.text.get(self.at..self.line_end()).unwrap_or_default();
                let header = line.split('#').next().unwrap_or_default();
                self.at += header.len();
                self.header = header.trim().trim_matches(['[', ']', ' ']);
                if self.peek() == Some(b'#') {
                    self.comment();
                }
            }
            Some(_) => self.pair(),
        }
    }

    fn comment(&mut self) {
        let start = self.at + 1;
        self.at = self.line_end();
        self.hide(start, false);
    }

    fn pair(&mut self) {
        let (start, end) = (self.at, self.line_end());
        while self.at < end {
            match self.peek() {
                Some(b'=') => break,
                Some(quote @ (b'"' | b'\'')) => self.quoted(quote, 1),
                _ => self.at += 1,
            }
        }
        if self.peek() != Some(b'=') {
            // No key: perhaps what is left of a value.
            self.at = end.max(start + 1);
            return self.hide(start, false);
        }
        let key = self.text.get(start..self.at).unwrap_or_default();
        let public = is_public(self.header, key);
        self.at += 1;
        self.value(public);
    }

    /// All up to the end of the line on which no bracket is open any more.
    fn value(&mut self, public: bool) {
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
                    if !(key && matches!(self.peek(), Some(b'=' | b'.'))) {
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
                // A text may end in up to two quotes of its own.
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

/// Whether a key under a header is the container's own, so that its value is no secret.
fn is_public(header: &str, key: &str) -> bool {
    let first = key.split('.').next().unwrap_or_default().trim();
    match header {
        "" => first == "include",
        "service" => matches!(first, "name" | "description" | "timeout" | "open_concurrency"),
        "component" => matches!(
            first,
            "descriptor" | "enabled" | "references" | "dependencies" | "after" | "timeout" | "critical"
        ),
        "component.references" | "component.dependencies" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of a text as excerpts show them.
    fn masked(text: &str) -> String {
        let hidden = hidden(text);
        let mut start = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            lines.push(excerpt(text, start, start..start, &hidden, &[]).text);
            start += line.len();
        }
        lines.join("\n")
    }

    #[test]
    fn values_are_masked_and_keys_are_not() {
        let text = "include = ['a.toml'] # hunter2\n[service]\nname = 'n'\nkey = \"hunter2\"\r\n[[component]]\n\
            descriptor = 'a:b:c:d:e'\npassword = \"hunter2\\\"hunter2\" # hunter2\nreferences.x = 'y'\n\
            t = { a = 'hunter2', b.c = 42, 'd e' = [1, \"hunter2\"] }\nm = \"\"\"\nhunter2\n hunter2\"\"\"\n\
            l = [\n  'hunter2', # hunter2\n]\nx = 3\nhunter2\nun = \"hunter2\nbare = hunter2 hunter2\n{ hunter2\n\
            [component.options]\ndescriptor = 'hunter2'\n# hunter2\nd = 1979-05-27T07:32:00Z\nafter = ['hunter2']\n";
        let shown = masked(text);
        assert!(!shown.contains("hunter2") && !shown.contains("42"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    proptest! {
        #[test]
        fn any_mark_in_any_text_makes_an_excerpt(
            text in "([a-c=\"'#.\\[\\]{}, \n\r\u{e9}\u{10000}]|\"\"\"){0,60}",
            start in 0usize..80,
            length in 0usize..40,
        ) {
            let hidden = hidden(&text);
            for (line, _) in text.match_indices('\n').chain([(0, "")]) {
                let line = if line == 0 { 0 } else { line + 1 };
                let excerpt = excerpt(&text, line, start..start + length, &hidden, &[]);
                prop_assert!(excerpt.text.get(excerpt.marked).is_some());
            }
        }
    }

    #[test]
    fn what_is_marked_stays_marked() {
        let text = "a = { b = 'secret', c = 77, d = 'open' }\n";
        let hidden = hidden(text);
        let mark = |what: &str| {
            let start = text.find(what).unwrap();
            start..start + what.len()
        };
        let show = |what: &str, shown: &[Range<usize>]| {
            let excerpt = excerpt(text, 0, mark(what), &hidden, shown);
            (excerpt.text.clone(), excerpt.text[excerpt.marked].to_owned())
        };
        let all = "a = { b = '…', c = …, d = '…' }".to_owned();
        assert_eq!(show("'secret'", &[]), (all.clone(), "'…'".to_owned()));
        assert_eq!(show("77", &[]), (all.clone(), "…".to_owned()));
        assert_eq!(show("d", &[]).1, "d");
        assert_eq!(
            show("'open'", &[mark("'open'")]),
            (all.replace("d = '…'", "d = 'open'"), "'open'".to_owned())
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "([a-c\\[\\]{}=\"'.,# \n\r\t\u{feff}é0-9_\\\\-]|\"\"\"|'''|component){0,60}", at in 0..60_usize) {
            let hidden = hidden(&text);
            let mut at = at.min(text.len());
            while !text.is_char_boundary(at) { at -= 1; }
            let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
            let excerpt = excerpt(&text, start, at..text.len(), &hidden, &[]);
            prop_assert!(excerpt.text.get(excerpt.marked).is_some());
        }

        /// In a manifest that TOML can read, no value of a component shows.
        #[test]
        fn no_value_of_a_component_shows(values in prop::collection::vec("hunter[a-z \"'\\\\#{}=,]{0,9}hunter", 1..5)) {
            let mut text = String::from("[[component]]\n");
            for (index, value) in values.iter().enumerate() {
                let value = toml::Value::String(value.clone());
                text.push_str(&format!("k{index} = {value}\nt{index} = {{ a = {value}, b = [{value}] }} # {value}\n"));
            }
            let shown = masked(&text);
            prop_assert!(!shown.contains("hunter"), "{}", shown);
        }
    }
}
