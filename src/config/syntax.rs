//! Syntax errors of TOML as problems, in words that hold nothing of the text.

mod mistake;
mod unquoted;

use std::ops::Range;

pub(super) use self::mistake::Mistake;
use super::mask::mask_uri;
use super::{Problem, Span, code};
use crate::text::escape;

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

/// The code of the problem that a mistake becomes.
pub(super) fn code_of(mistake: Mistake) -> &'static str {
    if mistake == Mistake::DuplicateKey { code::DUPLICATE_KEY } else { code::BAD_SYNTAX }
}

/// A problem of a message of the parser's; `key` is the key that it marks, where that may be shown. What stands at the place in
/// the text decides what would be right, and is not shown.
pub(super) fn problem(message: &str, key: Option<&str>, place: (&str, usize), span: Span) -> Problem {
    let mistake = Mistake::of(message);
    if mistake == Mistake::DuplicateKey {
        let message = match key.map(|key| key.trim_matches(['"', '\''])) {
            Some(key) => format!("`{}` is given twice", escape(&mask_uri(key))),
            None => "a key is given twice".to_owned(),
        };
        return Problem::error(code::DUPLICATE_KEY, span, message).with_help("keep one of them");
    }
    let (text, at) = place;
    let (message, help, span) = match (mistake, unquoted::wrong(mistake, text, at)) {
        (_, Some(wrong)) => (wrong.message.unwrap_or(message), wrong.help, shifted(span, at, wrong.range)),
        (Mistake::UnclosedLiteral | Mistake::BadLiteral, None) if !has_quote(text, at) => {
            (NO_VALUE, "write `key = value`", span)
        }
        (_, None) => (message, help(mistake, text, at), span),
    };
    let message = message.strip_suffix(", expected nothing").unwrap_or(message);
    let message = if quotes_nothing(message) { message } else { "this is no TOML" };
    let problem = Problem::error(code::BAD_SYNTAX, span, message);
    if help.is_empty() { problem } else { problem.with_help(help) }
}

/// What the parser says of a key without a value, except where that ends a table between braces: then it misses a string.
const NO_VALUE: &str = "key with no value, expected `=`";

/// What would be right where something stands behind a value.
fn help_behind_value(before: &str, behind: &str) -> &'static str {
    let is_digit = |side: Option<char>| side.is_some_and(|c| c.is_ascii_digit());
    if behind.starts_with(',') && is_digit(before.chars().next_back()) && is_digit(behind.chars().nth(1)) {
        "write a number without commas; `_` may stand between digits"
    } else if behind.starts_with([',', ';']) {
        "nothing stands behind a value; take it away"
    } else if before.ends_with(['"', '\'']) {
        "a string ends at the next quote of its kind: put one with quotes in it into quotes of the other kind"
    } else {
        "write one `key = value` a line"
    }
}

/// Whether the quote of a literal string stands before a place on its line.
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

/// What would be right instead of a mistake, apart from values without quotes; empty where nothing is known.
fn help(mistake: Mistake, text: &str, at: usize) -> &'static str {
    let (before, behind) = text.split_at_checked(at).unwrap_or_default();
    match mistake {
        Mistake::RecursionLimit => "nest less deep",
        Mistake::KeyWithoutValue => "write `key = value`",
        _ if behind.starts_with(':') => "write `key = value`",
        Mistake::BareKey if behind.starts_with("//") => "a comment begins with `#`",
        Mistake::BareKey if behind.starts_with(unquoted::TYPOGRAPHIC) => {
            "a key stands without quotes, or in plain ones, `\"`"
        }
        Mistake::UnclosedTableHeader => "write the header as `[[component]]`, with two brackets on each side",
        Mistake::Escape => {
            "in double quotes a backslash is written twice; in single quotes it stands for itself"
        }
        Mistake::UnclosedString | Mistake::UnclosedLiteral => {
            "close the string on the line on which it begins, with the quote that it begins with"
        }
        Mistake::BehindValue => help_behind_value(before, behind),
        Mistake::UnclosedList => "close the list with `]`",
        Mistake::UnclosedTable => "close the table with `}`",
        Mistake::NoCommaInList => "write a comma between the values of a list, and `]` at its end",
        Mistake::NoCommaInTable => "write a comma between the keys of a table, and `}` at its end",
        Mistake::Date => "write a date as `2026-12-31`; a string stands in quotes",
        Mistake::UppercaseRadix => "write `0x`, `0o` or `0b` in lower case",
        Mistake::DuplicateKey
        | Mistake::LeadingZero
        | Mistake::BareValue
        | Mistake::BareKey
        | Mistake::BadLiteral
        | Mistake::Other => "",
    }
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
