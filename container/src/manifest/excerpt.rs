//! The line that a problem points at, with every value that must not be shown masked.
//!
//! A value is shown where the problem permits it or where the key is the container's own; comments are masked, too.

use std::ops::Range;

use wirework::config::{MASK, has_user_info};

use super::hidden::Hidden;

/// The longest excerpt, in characters.
pub(super) const WIDTH: usize = 160;

/// A line to show: its text, and what to mark in it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub text: String,
    pub marked: Range<usize>,
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
    let (start, end) = window(text, start..start + line.len(), &mark);
    let whole = |at: usize| {
        (start..=at.clamp(start, end)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start)
    };
    let mark = whole(mark.start)..whole(mark.end);
    let mut out = Masked { text, line: String::new(), mark, marked: 0..0 };
    let mut at = start;
    let first = hidden.partition_point(|hidden| hidden.range.end <= start);
    for value in hidden.iter().skip(first).take_while(|value| value.range.start < end) {
        let whole = |shown: &Range<usize>| shown.start <= value.range.start && value.range.end <= shown.end;
        let is_open = value.public || shown.iter().any(whole);
        let may_show = |range: Range<usize>| text.get(range).is_some_and(|text| !has_user_info(text));
        if is_open && may_show(value.range.clone()) {
            continue;
        }
        let range = value.range.start.max(start)..value.range.end.min(end);
        if range.start < at || range.is_empty() {
            continue;
        }
        // Of a longer text a part may be shown: the parameter that is not set.
        let inside =
            |shown: &&Range<usize>| range.start <= shown.start && shown.end <= range.end && !whole(shown);
        let mut parts: Vec<_> =
            shown.iter().filter(inside).filter(|part| may_show((*part).clone())).cloned().collect();
        parts.sort_unstable_by_key(|part| part.start);
        out.copy(at..range.start);
        at = range.start;
        for part in parts.into_iter().chain(std::iter::once(range.end..range.end)) {
            if part.start < at {
                continue;
            }
            if at < part.start {
                out.mask(at..part.start);
            }
            at = part.end;
            out.copy(part);
        }
    }
    out.copy(at..end);
    out.finish()
}

/// How much of a line is looked at before and behind where the mark begins, in bytes: more than can be shown.
const AROUND: usize = 4096;

/// The part of a line around a mark that an excerpt can come from; a line can be as long as a file.
fn window(text: &str, line: Range<usize>, mark: &Range<usize>) -> (usize, usize) {
    let at = mark.start.clamp(line.start, line.end);
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (at.saturating_sub(AROUND).max(line.start)..=at).find(boundary);
    let end = (line.start..=at.saturating_add(AROUND).min(line.end)).rev().find(boundary);
    (start.unwrap_or(line.start), end.unwrap_or(line.end))
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
        // Of what is marked a part is masked; or the place is in what is masked.
        let ends_here = range.start < self.mark.end && self.mark.end <= range.end;
        if ends_here || self.mark.is_empty() && range.contains(&self.mark.end) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hidden::hidden;
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

    #[test]
    fn no_header_shows_user_name_and_password() {
        for (text, expected) in [
            ("[component.\"mqtt://ann:hunter2@h\"]", "[…]"),
            ("[\"mqtt://ann:hunter2@h\"] # c", "[…] #…"),
            (" [[ 'mqtt://ann:hunter2@h' ]]", " [[ … ]]"),
            ("[service.\"mqtt://ann:hun#ter2@h\"]\r", "[…]"),
            ("[a.\"mqtt:\\u002f/ann:hunter2\\u0040h\"]", "[…]"),
            ("\"mqtt:\\u002f/ann:hunter2\\u0040h\" = 1", "…= …"),
            ("[a.'b#c'] # d", "[a.'b#c'] #…"),
            ("[component] # d", "[component] #…"),
        ] {
            assert_eq!(masked(&format!("{text}\n")), expected, "{text}");
        }
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

    #[test]
    fn of_a_masked_text_the_parameter_at_fault_shows() {
        let text = "p = 'hunter${A}2${B}hunter' # ${B}\nq = 'mqtt://ann:${B}@h'\n";
        let hidden = hidden(text);
        let at = |what: &str, from: usize| {
            let start = from + text[from..].find(what).unwrap();
            start..start + what.len()
        };
        let show = |line: usize, mark: Range<usize>, shown: &[Range<usize>]| {
            let excerpt = excerpt(text, line, mark, &hidden, shown);
            (excerpt.text.clone(), excerpt.text[excerpt.marked].to_owned())
        };
        let (one, other) = (at("${A}", 0), at("${B}", 0));
        let both = [other.clone(), one.clone()];
        assert_eq!(show(0, one.clone(), &both), ("p = '…${A}…${B}…' #…".to_owned(), "${A}".to_owned()));
        assert_eq!(show(0, other.clone(), &both), ("p = '…${A}…${B}…' #…".to_owned(), "${B}".to_owned()));
        assert_eq!(show(0, other.clone(), &[other]), ("p = '…${B}…' #…".to_owned(), "${B}".to_owned()));
        assert_eq!(show(0, one, &[]), ("p = '…' #…".to_owned(), "…".to_owned()));
        let second = text.find('\n').unwrap() + 1;
        let inside = at("${B}", second);
        assert_eq!(show(second, inside.clone(), &[inside]), ("q = '…${B}…'".to_owned(), "${B}".to_owned()));
        let whole = at("mqtt://ann:${B}@h", second);
        assert_eq!(show(second, whole.clone(), &[whole]).0, "q = '…'", "user info never shows");
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
