//! What the TOML parser complains of, in words that hold nothing of the text.

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

/// A problem of a message of the parser's; `key` is the key that it marks, where that may be shown.
pub(super) fn problem(message: &str, key: Option<&str>, span: Span) -> Problem {
    if is_duplicate(message) {
        let message = match key.map(|key| key.trim_matches(['"', '\''])) {
            Some(key) => format!("`{}` is given twice", escape(&mask_uri(key))),
            None => "a key is given twice".to_owned(),
        };
        return Problem::error(code::DUPLICATE_KEY, span, message).with_help("keep one of them");
    }
    let help = match message {
        _ if message.starts_with("string values must be quoted") => "write the value in quotes",
        "recursion limit" => "nest less deep",
        _ => "",
    };
    let message = message.strip_suffix(", expected literal string").unwrap_or(message);
    let message = if quotes_nothing(message) { message } else { "this is no TOML" };
    let problem = Problem::error(code::BAD_SYNTAX, span, message);
    if help.is_empty() { problem } else { problem.with_help(help) }
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
        problem(text, None, Span::default()).message
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
