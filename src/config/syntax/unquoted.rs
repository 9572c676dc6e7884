//! Values that lost their quotes, or never had any: the parser takes them for numbers, booleans or `inf`, by their first letter.

use std::ops::Range;

use super::Mistake;

/// Quotes as people write them, and word processors.
pub(super) const TYPOGRAPHIC: [char; 8] = ['“', '”', '„', '‟', '‘', '’', '«', '»'];

const QUOTED: &str = "write the value in quotes";
const NO_QUOTES: &str = "string values must be quoted";

/// What is better said of a value without quotes.
pub(super) struct Wrong {
    /// Instead of the parser's message, where there is something better.
    pub(super) message: Option<&'static str>,
    /// What would be right.
    pub(super) help: &'static str,
    /// Where the value stands in the text.
    pub(super) range: Range<usize>,
}

/// What is better said of a place than the parser does, where it complains of a value without quotes.
pub(super) fn wrong(mistake: Mistake, text: &str, at: usize) -> Option<Wrong> {
    if !matches!(mistake, Mistake::BareValue | Mistake::LeadingZero) {
        return None;
    }
    let range = value_at(text, at);
    let value = text.get(range.clone()).unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    let (message, help) = if value.is_empty() {
        (Some("missing value for key"), "write a value, or take the key out")
    } else if value.ends_with(['"', '\'']) {
        (Some("missing opening quote"), "write a quote before the value, too")
    } else if value.starts_with(TYPOGRAPHIC) {
        (Some(NO_QUOTES), "write plain quotes, `\"`, around the value")
    } else if is(&["true", "false"]) {
        (Some("invalid boolean"), "write `true` or `false`, in lower case")
    } else if is(&["yes", "no", "on", "off"]) {
        (Some("invalid boolean"), "write `true` or `false`; a string stands in quotes")
    } else if is(&["null", "none", "nil", "undefined", "~"]) {
        (Some("invalid value"), "TOML has no word for nothing: take the key out; a string stands in quotes")
    } else if value.starts_with('$') {
        (Some(NO_QUOTES), "write a parameter in quotes, also where it is a number: `\"${NAME}\"`")
    } else if mistake == Mistake::LeadingZero && is_number(value) {
        (None, "write a number without zeros before it; a string stands in quotes")
    } else if is_number(value) {
        (None, "a string stands in quotes")
    } else if value.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') {
        (Some("invalid integer number"), "write a number without blanks; `_` may stand between digits")
    } else {
        (Some(NO_QUOTES), QUOTED)
    };
    Some(Wrong { message, help, range })
}

/// The value around a place: from the mark before it to the mark behind it, without blanks around it.
fn value_at(text: &str, at: usize) -> Range<usize> {
    let (before, behind) = text.split_at_checked(at).unwrap_or_default();
    let start = before.rfind(['\n', '=', ',', '[', '{']).map_or(0, |mark| mark + 1);
    let end = before.len() + behind.find(['\n', ',', ']', '}', '#']).unwrap_or(behind.len());
    let value = text.get(start..end).unwrap_or_default();
    let inside = value.trim();
    if inside.is_empty() {
        // Where the parser misses it.
        return before.len()..before.len();
    }
    let start = start + (value.len() - value.trim_start().len());
    start..start + inside.len()
}

/// Whether it is at least much like a number: digits, and what may stand between them.
fn is_number(value: &str) -> bool {
    let digits = value.trim_start_matches(['+', '-']);
    let radix = ["0x", "0o", "0b", "0X", "0O", "0B"].iter().any(|prefix| digits.starts_with(prefix));
    let decimal = digits.bytes().all(|byte| byte.is_ascii_digit() || b"._eE+-".contains(&byte));
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && (radix || decimal && digits.matches('.').count() < 2)
}

#[cfg(test)]
mod tests {
    use super::super::super::{Problems, parse_toml};
    use super::*;

    #[test]
    fn what_is_meant_is_said_and_nothing_of_the_text() {
        let said = |value: &str| {
            let mut problems = Problems::new();
            parse_toml(&format!("a = 1\nkey = {value}\nb = 2\n"), 0, &mut problems);
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(
                problems.iter().map(|problem| problem.span.start).filter(|at| *at < 6).count(),
                0,
                "{value}"
            );
            format!("{value:?}: {}", all.join(" / "))
        };
        let values = [
            "",
            "info",
            "nobody",
            "true1",
            "tls",
            "True",
            "FALSE",
            "yes",
            "Off",
            "null",
            "None",
            "~",
            "localhost",
            "my host",
            "127.0.0.1",
            "10.0.0.1:1883",
            "broker:1883",
            "mqtt://broker",
            "30s",
            "1m30s",
            "5 s",
            "007",
            "1__0",
            "_1",
            "1.",
            ".5",
            "++1",
            "0X1F",
            "0xZZ",
            "1e",
            "+0x1",
            "1,883",
            "1 883",
            "12:30",
            "2024-13-40",
            "${PORT}",
            "$PORT",
            "host\"",
            "host'",
            "\"host",
            "'host",
            "''host''",
            "\"say \"hi\"\"",
            "\"C:\\temp\"",
            "\"\\u12\"",
            "[1, 2",
            "[1 2]",
            "{ a = 1",
            "{ a = 1, b }",
            "[info]",
            "{ a = info }",
            "1 b = 2",
            "= 1",
            "(1)",
            "<h>",
            "é",
        ];
        insta::assert_snapshot!(values.map(said).join("\n"));
    }

    #[test]
    fn the_value_is_what_stands_between_marks() {
        let text = "a = [1, 10.0.0.1 ] # x\nb = { c = info }\nd = x=y\n";
        for (place, expected) in [("0.0.1", "10.0.0.1"), ("nfo", "info"), ("=y", "x=y"), ("y\n", "y")] {
            assert_eq!(&text[value_at(text, text.find(place).unwrap())], expected);
        }
        assert_eq!(value_at("é", 1), 0..0);
        assert_eq!(value_at("", 9), 0..0);
        assert_eq!(value_at("a =  \n", 4), 4..4);
    }
}
