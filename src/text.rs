//! Text from outside on its way to a person: a terminal, a log, a page.
//!
//! Brokers, files, the environment and peers send text that nobody has looked at. Printed as it is, it can move a
//! terminal's cursor, set its title, begin a log line of its own or turn the direction of writing. Every output of this
//! project writes such text through [`escape`], and a log line through [`clip`] too, so that one peer cannot fill a disk.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

/// How many bytes of a foreign text a log line shows; see [`clip`].
pub const MAX_SHOWN: usize = 256;

/// Whether a character must not reach a terminal or a log as it is.
///
/// These are the control characters (C0, DEL and C1), line and paragraph separators, the marks that turn the direction of
/// writing, and those that take no room and so make two texts look the same.
///
/// ```
/// use wirework::text::is_unsafe;
/// assert!(is_unsafe('\u{1b}') && is_unsafe('\u{9b}') && is_unsafe('\u{202e}'));
/// assert!(!is_unsafe('é') && !is_unsafe(' '));
/// ```
#[must_use]
pub const fn is_unsafe(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The text with every [unsafe](is_unsafe) character written out, as in a Rust string: `\n`, `\u{1b}`.
///
/// ```
/// use wirework::text::escape;
/// assert_eq!(escape("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Escaped(text).to_string())
}

/// The same for a text of several lines, such as a page of documentation: line ends stay.
#[must_use]
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_unsafe(character)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(escape).collect();
    Cow::Owned(lines.join("\n"))
}

/// A time as RFC 3339 has it, in UTC with milliseconds; one before 1970 is shown as its beginning.
///
/// ```
/// use std::time::SystemTime;
/// use wirework::text::timestamp;
/// assert_eq!(timestamp(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
/// ```
#[must_use]
pub fn timestamp(time: std::time::SystemTime) -> String {
    humantime::format_rfc3339_millis(time.max(std::time::SystemTime::UNIX_EPOCH)).to_string()
}

/// The text without a byte order mark before it and without line breaks around it.
///
/// Editors, `echo` and secret stores add them to a value, and nobody sees them there; as a part of a password they make it
/// wrong. Blanks stay: they may be meant.
///
/// ```
/// use wirework::text::trim_line_breaks;
/// assert_eq!(trim_line_breaks("\u{feff}secret \r\n"), "secret ");
/// assert_eq!(trim_line_breaks("two\nlines"), "two\nlines");
/// ```
#[must_use]
pub fn trim_line_breaks(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches(['\r', '\n'])
}

/// A text that is written out as by [`escape`], without an allocation.
///
/// ```
/// use wirework::text::Escaped;
/// assert_eq!(format!("[{}]", Escaped("a\u{202e}b")), "[a\\u{202e}b]");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_unsafe(*character)) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            for character in character.escape_default() {
                f.write_char(character)?;
            }
            rest = after.get(character.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

/// A JSON document with every [unsafe](is_unsafe) character in its strings written out as `\\u009b`; it means the same.
///
/// JSON itself asks for escapes of the control characters below U+0020 only. The document must be as a JSON writer leaves
/// it: there, an unsafe character other than a line end can only be inside of a string.
///
/// ```
/// use wirework::text::escape_json;
/// assert_eq!(escape_json("{\"a\":\"x\u{202e}\"}"), r#"{"a":"x\u202e"}"#);
/// ```
#[must_use]
pub fn escape_json(document: &str) -> Cow<'_, str> {
    let unsafe_here = |character: char| character != '\n' && is_unsafe(character);
    if !document.contains(unsafe_here) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for character in document.chars() {
        if unsafe_here(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// The text as by [`escape`], cut after [`MAX_SHOWN`] bytes, with its whole length where it was cut.
///
/// ```
/// use wirework::text::clip;
/// assert_eq!(clip("quota exceeded"), "quota exceeded");
/// assert!(clip(&"x".repeat(60_000)).ends_with("x… (60000 bytes)"));
/// ```
#[must_use]
pub fn clip(text: &str) -> Cow<'_, str> {
    clip_to(text, MAX_SHOWN)
}

/// The same with another limit, in bytes of the text as it came.
#[must_use]
pub fn clip_to(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return escape(text);
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (shown, _) = text.split_at(end);
    Cow::Owned(format!("{}… ({} bytes)", Escaped(shown), text.len()))
}

/// A number of things: `1 line`, `2 lines`.
#[must_use]
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A time span as every message, log line and page says it: `250 µs`, `2.1 ms`, `1.5 s`, `300 s`, and from an hour on `1 h 30 min`,
/// `208 d 8 h`. From a second on it is exact to the millisecond, which is what a manifest can ask for.
///
/// ```
/// use std::time::Duration;
/// use wirework::text::duration;
/// assert_eq!(duration(Duration::from_millis(30_000)), "30 s");
/// assert_eq!(duration(Duration::from_micros(2_149)), "2.1 ms");
/// assert_eq!(duration(Duration::from_secs(5_400)), "1 h 30 min");
/// ```
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    let (number, decimals, unit) = match seconds {
        _ if span.is_zero() => (0.0, 0, "ms"),
        _ if seconds < 0.001 => (seconds * 1e6, 0, "µs"),
        _ if seconds < 1.0 => (seconds * 1e3, 1, "ms"),
        _ if seconds < 3600.0 => (seconds, 3, "s"),
        _ => return long(span),
    };
    let text = format!("{number:.decimals$}");
    let short = if decimals == 0 { &text } else { text.trim_end_matches('0').trim_end_matches('.') };
    format!("{short} {unit}")
}

/// A time span of an hour or more, of which nobody counts the seconds.
fn long(span: Duration) -> String {
    let mut rest = span.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("min", 60)] {
        if rest >= seconds {
            parts.push(format!("{} {unit}", rest / seconds));
            rest %= seconds;
        }
    }
    let seconds = match (rest, span.subsec_millis()) {
        (0, 0) => String::new(),
        (_, 0) => format!("{rest} s"),
        (_, millis) => format!("{} s", format!("{rest}.{millis:03}").trim_end_matches('0')),
    };
    parts.extend(Some(seconds).filter(|seconds| !seconds.is_empty()));
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_of_terminals_and_bidi_marks_are_written_out() {
        for (text, shown) in [
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b\u{200b}", "a\\u{202e}b\\u{200b}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("grüße, 世界", "grüße, 世界"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "\u{9b}": "a\u{202e}\n\u{1b}\u{7f}\u{e0041}é" });
        for text in [value.to_string(), format!("{value:#}")] {
            let escaped = escape_json(&text);
            assert!(escaped.replace('\n', "").chars().all(|c| !is_unsafe(c)), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    #[test]
    fn a_cut_is_between_characters_and_says_the_length() {
        assert_eq!(clip_to("ééé", 3), "é… (6 bytes)");
        assert_eq!(clip_to("ééé", 6), "ééé");
        assert_eq!(clip_to("ééé", 0), "… (6 bytes)");
    }

    #[test]
    fn a_time_span_has_the_unit_that_fits() {
        for (span, expected) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_micros(250), "250 µs"),
            (Duration::from_millis(1), "1 ms"),
            (Duration::from_micros(12_345), "12.3 ms"),
            (Duration::from_millis(900), "900 ms"),
            (Duration::from_secs(1), "1 s"),
            (Duration::from_millis(1_500), "1.5 s"),
            (Duration::from_millis(65_001), "65.001 s"),
            (Duration::from_secs(300), "300 s"),
            (Duration::from_secs(3_599), "3599 s"),
            (Duration::from_secs(3_600), "1 h"),
            (Duration::from_millis(3_600_250), "1 h 0.25 s"),
            (Duration::from_secs(90_061), "1 d 1 h 1 min 1 s"),
            (Duration::from_secs(18_000_000), "208 d 8 h"),
        ] {
            assert_eq!(duration(span), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>(), limit in 0_usize..40) {
            prop_assert!(!escape(&text).contains(is_unsafe));
            let clipped = clip_to(&text, limit);
            prop_assert!(!clipped.contains(is_unsafe));
        }
    }
}
