//! Integers that TOML does not have, as regular expressions: a manifest has them in quotes (see `read::large`).

use serde_json::{Map, Value};

/// How an integer of this schema is written where it is beyond those of TOML; nothing where there is none.
pub(super) fn pattern(schema: &Map<String, Value>) -> Option<String> {
    let (above, below) = match schema.get("format").and_then(Value::as_str)? {
        "uint64" | "uint" => (u128::from(u64::MAX), None),
        "uint128" => (i128::MAX.unsigned_abs(), None),
        "int128" => (i128::MAX.unsigned_abs(), Some(i128::MIN.unsigned_abs())),
        _ => return None,
    };
    let above = between(u128::from(i64::MAX.unsigned_abs()) + 1, above);
    let below = below.map(|below| between(u128::from(i64::MIN.unsigned_abs()) + 1, below));
    let below = below.map_or_else(String::new, |below| format!("|-0*(?:{below})"));
    Some(format!("^\\s*(?:\\+?0*(?:{above}){below})\\s*$"))
}

/// The numbers from `low` to `high`, which has more digits.
fn between(low: u128, high: u128) -> String {
    let (low, high) = (low.to_string(), high.to_string());
    let longer = (low.len() + 1..high.len()).map(|length| format!("[1-9]{}", any(length - 1)));
    let parts: Vec<_> = std::iter::once(at_least(&low)).chain(longer).chain([at_most(&high, '1')]).collect();
    parts.join("|")
}

/// The numbers with as many digits as this one that are not below it.
fn at_least(digits: &str) -> String {
    let mut rest = digits.chars();
    let Some(first) = rest.next() else { return String::new() };
    let same = group(first, &at_least(rest.as_str()));
    match first {
        '9' => same,
        _ => format!("[{}-9]{}|{same}", next(first, 1), any(rest.as_str().len())),
    }
}

/// The numbers with as many digits as this one that are not above it, and whose first digit is at least `least`.
fn at_most(digits: &str, least: char) -> String {
    let mut rest = digits.chars();
    let Some(first) = rest.next() else { return String::new() };
    let same = group(first, &at_most(rest.as_str(), '0'));
    if first == least {
        return same;
    }
    format!("[{least}-{}]{}|{same}", next(first, -1), any(rest.as_str().len()))
}

fn group(first: char, rest: &str) -> String {
    if rest.contains('|') { format!("{first}(?:{rest})") } else { format!("{first}{rest}") }
}

fn any(count: usize) -> String {
    if count == 0 { String::new() } else { format!("\\d{{{count}}}") }
}

/// The digit that is `by` more than this one.
fn next(digit: char, by: i8) -> char {
    u8::try_from(digit).ok().and_then(|digit| digit.checked_add_signed(by)).map_or(digit, char::from)
}
