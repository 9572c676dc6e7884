//! What the TOML parser complains of, in words that hold nothing of the text.

mod scalar;

use std::ops::Range;

use super::mask::mask_uri;
use super::{Problem, Span, code};
use crate::text::escape;

const DUPLICATE: &str = "duplicate key";

/// All words of the parser's messages. A message with any other word is not shown: it may quote the text.
const WORDS: &str = "\
    (DD) (HH) (HH:MM) (MM) (MM-DD) (SS) (YYYY) (YYYY-MM) +OFFSET -OFFSET 00 01 12 23 59 60 a and are array \
    array-table assignment bare basic be between binary boolean by cannot carriage character characters close \
    comma comment content control could date date-time datetime day depth digits dotted element elements \
    empty end-of-input escape escaped expected exponent extend extra false few float followed for four-digit \
    fraction further go hexadecimal hour hours in inf inline inline-table integer integers invalid key \
    key-value keys leading letters limit line literal lowercase mantissa max may met minute minutes missing \
    month multi-line must nan nanosecond nanoseconds newline no non-double-quote non-single-quote not nothing \
    number numbers numeric octal of offset only open opening or overflowed pair pairs prefix printable quote \
    quoted radix recurse recursion redundant return second separator sequence sign signed start std-table \
    string strings table time token too trailing true two-digit type unclosed unexpected unicode unquoted \
    value values visible whitespace with year zero";

/// Whether a message of the parser's says that a key is given twice: of two equal keys the first holds, and nothing else
/// is lost.
pub(super) fn is_duplicate(message: &str) -> bool {
    message == DUPLICATE
}

/// The code of the problem that a message of the parser's becomes.
pub(super) fn code_of(message: &str) -> &'static str {
    if is_duplicate(message) { code::DUPLICATE_KEY } else { code::BAD_SYNTAX }
}

/// A problem of a message of the parser's; `key` is the key that it marks, where that may be shown. What stands at the place in
/// the text decides what would be right, and is not shown.
pub(super) fn problem(message: &str, key: Option<&str>, place: (&str, usize), span: Span) -> Problem {
    if is_duplicate(message) {
        let message = match key.map(|key| key.trim_matches(['"', '\''])) {
            Some(key) => format!("`{}` is given twice", escape(&mask_uri(key))),
            None => "a key is given twice".to_owned(),
        };
        return Problem::error(code::DUPLICATE_KEY, span, message).with_help("keep one of them");
    }
    let (text, at) = place;
    let (message, help, span) = match scalar::wrong(message, text, at) {
        Some(wrong) => (wrong.message.unwrap_or(message), wrong.help, shifted(span, at, wrong.range)),
        None if message.starts_with("invalid literal string") && !has_quote(text, at) => {
            (NO_VALUE, "write `key = value`", span)
        }
        None => (message, help(message, text, at), span),
    };
    let message = message.strip_suffix(", expected nothing").unwrap_or(message);
    let message = if quotes_nothing(message) { message } else { "this is no TOML" };
    let problem = Problem::error(code::BAD_SYNTAX, span, message);
    if help.is_empty() { problem } else { problem.with_help(help) }
}

/// What the parser says of a key without a value, except where that ends a table between braces: then it misses a text.
const NO_VALUE: &str = "key with no value, expected `=`";

/// Whether a quote of a literal text stands before a place on its line.
fn has_quote(text: &str, at: usize) -> bool {
    let line = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    line.contains('\'')
}

/// A span that stands at `at` in the text, moved to a range of the text.
fn shifted(span: Span, at: usize, range: Range<usize>) -> Span {
    let moved = |to: usize| {
        let offset = |distance: usize| u32::try_from(distance).unwrap_or(u32::MAX);
        let forth = span.start.saturating_add(offset(to.saturating_sub(at)));
        forth.saturating_sub(offset(at.saturating_sub(to)))
    };
    Span::new(moved(range.start), moved(range.end))
}

/// What would be right instead of what the parser complains of, apart from values without quotes.
fn help(message: &str, text: &str, at: usize) -> &'static str {
    let starts = |beginning: &str| message.starts_with(beginning);
    let (before, behind) = text.split_at_checked(at).unwrap_or_default();
    let next = |mark: char| behind.starts_with(mark);
    let digit = |side: Option<char>| side.is_some_and(|c| c.is_ascii_digit());
    if starts("recursion limit") {
        "nest less deep"
    } else if starts("key with no value") || next(':') {
        "write `key = value`"
    } else if starts("invalid unquoted key") && behind.starts_with("//") {
        "a comment begins with `#`"
    } else if starts("invalid unquoted key") && next_is(behind, scalar::TYPOGRAPHIC) {
        "a key stands without quotes, or in plain ones, `\"`"
    } else if starts("unclosed array table") {
        "write the header as `[[component]]`, with two brackets on each side"
    } else if starts("missing escaped value") || starts("too few unicode value digits") {
        "in double quotes a backslash is written twice; in single quotes it stands for itself"
    } else if starts("invalid basic string, expected `\"`") || starts("invalid literal string, expected `'`")
    {
        "close the text on the line on which it begins, with the quote that it begins with"
    } else if starts("unexpected key or value")
        && next(',')
        && digit(before.chars().next_back())
        && digit(behind.chars().nth(1))
    {
        "write a number without commas; `_` may stand between digits"
    } else if starts("unexpected key or value") && (next(',') || next(';')) {
        "nothing stands behind a value; take it away"
    } else if starts("unexpected key or value") && before.ends_with(['"', '\'']) {
        "a text ends at the next quote of its kind: put one with quotes in it into quotes of the other kind"
    } else if starts("unexpected key or value") {
        "write one `key = value` a line"
    } else {
        help_inside(message)
    }
}

/// What would be right inside of a list, a table, a date or a number.
fn help_inside(message: &str) -> &'static str {
    let helps = [
        ("unclosed array,", "close the list with `]`"),
        ("unclosed inline table", "close the table with `}`"),
        (
            "missing comma between array elements",
            "write a comma between the values of a list, and `]` at its end",
        ),
        (
            "missing comma between key-value pairs",
            "write a comma between the keys of a table, and `}` at its end",
        ),
        ("invalid date", "write a date as `2026-12-31`; a text stands in quotes"),
        ("radix must be lowercase", "write `0x`, `0o` or `0b` in lower case"),
    ];
    helps.iter().find(|(begin, _)| message.starts_with(begin)).map_or("", |(_, help)| help)
}

fn next_is(text: &str, marks: [char; 8]) -> bool {
    text.starts_with(marks)
}

/// Whether a message consists of the parser's own words, and of short marks in quotes, such as `` `]]` ``.
fn quotes_nothing(message: &str) -> bool {
    let is_known = |word: &str| WORDS.split(' ').any(|known| known == word);
    let is_mark = |word: &str| {
        let inside = word.strip_prefix(['`', '\'']).and_then(|word| word.strip_suffix(['`', '\'']));
        inside.is_some_and(|inside| inside.len() <= 3 || is_known(inside))
    };
    message.split(' ').all(|word| {
        let word = word.trim_end_matches([',', ';']);
        is_known(word) || is_mark(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        problem(text, None, ("x", 0), Span::default()).message
    }

    #[test]
    fn only_the_words_of_the_parser_are_shown() {
        for known in [
            "string values must be quoted",
            "invalid basic string, expected `\"`",
            "unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
            "unclosed array table, expected `]]`",
            "cannot recurse further; max recursion depth met",
            "missing comma between key-value pairs, expected `,`",
            "cannot extend value of type inline table with a dotted key",
        ] {
            assert_eq!(message(known), known);
        }
        for quoting in ["invalid key `hunter2`", "unexpected hunter2", "invalid string \"hunter2\""] {
            assert_eq!(message(quoting), "this is no TOML");
        }
    }

    /// What the parser says of a text in which every word is foreign to it: none of its messages quotes one.
    #[test]
    fn the_parser_says_nothing_that_has_to_be_withheld() {
        let texts = [
            "a = xq",
            "a = \"xq",
            "a = 'xq",
            "a = \"\"\"xq",
            "a = '''xq",
            "a = \"\\q\"",
            "a = \"\\uxq\"",
            "a = [xq",
            "a = {xq",
            "a = { b = 1 c = 2 }",
            "a = [1 2]",
            "a = [,]",
            "[xq",
            "[[xq",
            "[[xq]",
            "xq",
            "= 1",
            "a = 1 2",
            "a = ",
            "a == 1",
            "a = 0xzz",
            "a = 0Xaa",
            "a = +0x1",
            "a = 1__0",
            "a = 01",
            "a = 1.",
            "a = 1e",
            "a = ++1",
            "a = 2020-99-99",
            "a = 25:99:99",
            "a = tru",
            "a = 1\na.b = 2",
            "a = [1]\na.b = 1",
            "a = {}\n[a]\nb = 1",
            "a\rb = 1",
            "a = 1 # \u{1}",
            "a = \"\u{1}\"",
            "\"\"\"a\"\"\" = 1",
            "'''a''' = 1",
            "a = { b = 1, , }",
            "a = { = 1 }",
            "a = { b }",
            "a = ]",
            "a = }",
            "]",
            "a b = 1",
            "a = 0o9",
            "a = 0b2",
            "a = -0b1",
            "a = \"\\xzz\"",
            "a = \"\\u00\"",
            "a = nan1",
            "a = inff",
            "a.= 1",
            ".a = 1",
            "a..b = 1",
            "[a]]",
            "[[a]]x",
            "[a] x",
            "[]",
        ];
        for text in texts {
            let (_, errors) = toml::de::DeTable::parse_recoverable(text);
            assert!(!errors.is_empty(), "{text:?}");
            for error in errors {
                assert_ne!(message(error.message()), "this is no TOML", "{text:?}: {}", error.message());
            }
        }
    }
}
