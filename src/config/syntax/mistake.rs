//! What the TOML parser complains of, by type. The parser says it in words alone; they are read here and nowhere else.

/// A mistake that something better can be said of than the parser does, or that has a help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Of two equal keys the first holds, and nothing else is lost.
    DuplicateKey,
    /// A number with zeros before it.
    LeadingZero,
    /// Another value that has lost its quotes, or is a bad number.
    BareValue,
    RecursionLimit,
    KeyWithoutValue,
    BareKey,
    UnclosedTableHeader,
    UnclosedList,
    UnclosedTable,
    Escape,
    /// A string that its line ends, in double quotes.
    UnclosedString,
    /// The same, in single quotes.
    UnclosedLiteral,
    /// A character that a string in single quotes cannot hold, or a place where the parser takes one to begin.
    BadLiteral,
    BehindValue,
    NoCommaInList,
    NoCommaInTable,
    Date,
    UppercaseRadix,
    /// What the parser's words suffice for.
    Other,
}

use Mistake::{BadLiteral, BareKey, BareValue, BehindValue, Date, DuplicateKey, Escape, KeyWithoutValue};
use Mistake::{LeadingZero, NoCommaInList, NoCommaInTable, RecursionLimit, UnclosedList, UnclosedLiteral};
use Mistake::{UnclosedString, UnclosedTable, UnclosedTableHeader, UppercaseRadix};

/// How the parser's messages begin; of two that fit the first counts.
const BEGINNINGS: [(&str, Mistake); 35] = [
    ("duplicate key", DuplicateKey),
    ("unexpected leading zero", LeadingZero),
    ("string values must be quoted", BareValue),
    ("missing opening quote", BareValue),
    ("invalid float", BareValue),
    ("invalid boolean", BareValue),
    ("invalid date-time", BareValue),
    ("invalid integer number", BareValue),
    ("invalid hexadecimal number", BareValue),
    ("invalid octal number", BareValue),
    ("invalid binary number", BareValue),
    ("invalid mantissa", BareValue),
    ("invalid fraction", BareValue),
    ("invalid exponent", BareValue),
    ("unexpected sign", BareValue),
    ("redundant numeric sign", BareValue),
    ("redundant integer number prefix", BareValue),
    ("integers with a radix cannot be signed", BareValue),
    ("`_` may only go between digits", BareValue),
    ("recursion limit", RecursionLimit),
    ("key with no value", KeyWithoutValue),
    ("invalid unquoted key", BareKey),
    ("unclosed array table", UnclosedTableHeader),
    ("unclosed array,", UnclosedList),
    ("unclosed inline table", UnclosedTable),
    ("missing escaped value", Escape),
    ("too few unicode value digits", Escape),
    ("invalid basic string, expected `\"`", UnclosedString),
    ("invalid literal string, expected `'`", UnclosedLiteral),
    ("invalid literal string", BadLiteral),
    ("unexpected key or value", BehindValue),
    ("missing comma between array elements", NoCommaInList),
    ("missing comma between key-value pairs", NoCommaInTable),
    ("invalid date", Date),
    ("radix must be lowercase", UppercaseRadix),
];

impl Mistake {
    /// The mistake that a message of the parser's is about.
    pub fn of(message: &str) -> Self {
        let found = BEGINNINGS.iter().find(|(beginning, _)| message.starts_with(beginning));
        found.map_or(Self::Other, |(_, mistake)| *mistake)
    }
}
