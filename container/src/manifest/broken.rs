//! A line of a part whose syntax is broken: nobody knows which of its words are values.
//!
//! Shown are a header of known words, the known words of a dotted key at the beginning of the line with its `=`, and the
//! marked character where it is a punctuation mark. All else is one `…`.

use std::ops::Range;

use wirework::config::MASK;

use super::excerpt::{Excerpt, WIDTH};

/// The marks that a syntax error points at.
const MARKS: &str = "[]{}=,.\"'#";

/// The line, with `mark`, in bytes of the line, marked; `is_key` knows the words that are keys.
pub(super) fn excerpt(line: &str, mark: Range<usize>, is_key: impl Fn(&str) -> bool) -> Excerpt {
    let head = Some(beginning(line, is_key)).filter(|head| *head <= WIDTH).unwrap_or_default();
    let (head, rest) = line.split_at_checked(head).unwrap_or(("", line));
    let mut text = String::from(head);
    let in_head = mark.start.min(head.len())..mark.end.clamp(mark.start.min(head.len()), head.len());
    if rest.trim().is_empty() {
        return Excerpt { text, marked: in_head };
    }
    let Some(at) = mark.start.checked_sub(head.len()) else {
        text.push_str(MASK);
        return Excerpt { text, marked: in_head };
    };
    let character = rest.get(at..).and_then(|from| from.chars().next());
    let Some(character) = character.filter(|character| MARKS.contains(*character)) else {
        text.push_str(MASK);
        // Behind the end of the line there is nothing to mark.
        let start = if character.is_some() { head.len() } else { text.len() };
        return Excerpt { marked: start..text.len(), text };
    };
    if rest.get(..at).is_some_and(|before| !before.trim().is_empty()) {
        text.push_str(MASK);
    }
    let start = text.len();
    text.push(character);
    let end = text.len();
    if rest.get(at + 1..).is_some_and(|behind| !behind.trim().is_empty()) {
        text.push_str(MASK);
    }
    Excerpt { text, marked: start..end }
}

/// How many bytes at the beginning of a line are certainly no value.
fn beginning(line: &str, is_key: impl Fn(&str) -> bool) -> usize {
    let blanks = |at: usize| {
        at + line.get(at..).map_or(0, |rest| rest.len() - rest.trim_start_matches([' ', '\t']).len())
    };
    let brackets = |at: usize, bracket| line.get(at..).is_some_and(|rest| rest.starts_with(bracket));
    let mut at = blanks(0);
    let is_header = brackets(at, '[');
    for _ in 0..2 {
        at += usize::from(brackets(at, '['));
    }
    at = blanks(at);
    // What is shown when what comes next is no known word.
    let mut safe = if is_header { at } else { 0 };
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).unwrap_or(rest.len());
        if !rest.get(..word).is_some_and(&is_key) {
            return safe;
        }
        at = blanks(at + word);
        match line.as_bytes().get(at) {
            Some(b'.') => at = blanks(at + 1),
            Some(b'=') if !is_header => return blanks(at + 1),
            Some(b']') if is_header => return (at + 1) + usize::from(brackets(at + 1, ']')),
            None if is_header => return at,
            _ => return safe,
        }
        safe = at;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_key(word: &str) -> bool {
        ["component", "credential", "password", "after", "host"].contains(&word)
    }

    fn shown(line: &str, mark: &str) -> (String, String) {
        let start = line.find(mark).unwrap();
        let found = excerpt(line, start..start + mark.len(), is_key);
        (found.text.clone(), found.text[found.marked].to_owned())
    }

    #[test]
    fn keys_and_the_mark_are_shown_and_nothing_else() {
        for (line, mark, expected) in [
            ("credential.password = \"S", "\"", ("credential.password = \"…", "\"")),
            ("credential.password = S", "S", ("credential.password = …", "…")),
            ("credential.S = 1", "1", ("credential.…", "…")),
            ("password \"S\"", "S", ("…", "…")),
            ("host S = 1", "=", ("…=…", "=")),
            ("S password = 1", "password", ("…", "…")),
            ("[[component]", "]", ("[[component]", "]")),
            ("[[component]] S", "S", ("[[component]]…", "…")),
            ("[S", "S", ("[…", "…")),
            ("after = [\"S\", S", ",", ("after = …,…", ",")),
            ("  after =", "after", ("  after =", "after")),
            ("password = S # S", "#", ("password = …#…", "#")),
            ("p\0a\0s\0s\0w", "a", ("…", "…")),
        ] {
            let (text, marked) = shown(line, mark);
            assert_eq!((text.as_str(), marked.as_str()), expected, "{line}");
        }
        let end = excerpt("host = S", 8..8, is_key);
        assert_eq!((end.text.as_str(), end.marked), ("host = …", 10..10));
    }

    proptest! {
        #[test]
        fn no_value_shows(
            line in "([\\[\\]{}=,.\"'# \t]|host|after|component|[XYZ]{1,3}|é){0,12}",
            start in 0_usize..40,
            length in 0_usize..9,
        ) {
            let found = excerpt(&line, start..start + length, is_key);
            prop_assert!(found.text.get(found.marked.clone()).is_some());
            prop_assert!(!found.text.contains(['X', 'Y', 'Z', 'é']), "{} from {}", found.text, line);
        }
    }
}
