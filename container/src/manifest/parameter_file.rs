//! A file of parameters: lines `NAME=VALUE`, as dotenv, Docker Compose and systemd read them.

use std::path::Path;

use super::parameter_syntax::{check_name, split_pair};
use super::parameters_error::{BadLine, ParametersError};

/// How many bad lines of a file are told; those beyond are counted.
const MOST_BAD_LINES: usize = 100;

/// The parameters of a file, in their order, and the lines that are none.
#[derive(Default)]
pub(super) struct Lines {
    pub pairs: Vec<(String, String)>,
    pub bad: Vec<BadLine>,
    /// How many bad lines there are beyond those in `bad`.
    pub omitted: usize,
}

impl Lines {
    /// Reads every line of a text; a bad one costs only itself.
    pub fn read(text: &str) -> Self {
        let mut lines = Self::default();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            match one(line) {
                Ok(pair) => lines.pairs.extend(pair),
                Err(_) if lines.bad.len() == MOST_BAD_LINES => lines.omitted += 1,
                Err(source) => lines.bad.push(BadLine { line: number, source }),
            }
        }
        lines
    }

    /// The error of the file, where it has bad lines.
    pub fn error(self, path: &Path) -> Result<(), ParametersError> {
        if self.bad.is_empty() {
            return Ok(());
        }
        let Self { bad: lines, omitted, .. } = self;
        Err(ParametersError::BadLines { path: path.to_owned(), lines, omitted })
    }
}

/// The parameter of a line; nothing where the line is empty or a comment.
fn one(line: &str) -> Result<Option<(String, String)>, ParametersError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    // As in a file that a shell can source too.
    let exported = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let (name, value) = split_pair(exported.map_or(line, str::trim_start))?;
    check_name(name)?;
    Ok(Some((name.to_owned(), unquoted(value.trim())?)))
}

/// A value without the quotes around it. In single quotes everything stands for itself; in double quotes `\n`, `\r`, `\t`,
/// `\"`, `\\` and `\$` are escapes. After the closing quote there may be a comment.
fn unquoted(value: &str) -> Result<String, ParametersError> {
    let mut characters = value.chars();
    let quote = match characters.next() {
        Some(quote @ ('"' | '\'')) => quote,
        _ => return Ok(value.to_owned()),
    };
    let mut out = String::with_capacity(value.len());
    loop {
        match characters.next() {
            None => return Err(ParametersError::OpenQuote),
            Some(character) if character == quote => break,
            Some('\\') if quote == '"' => match characters.next() {
                None => return Err(ParametersError::OpenQuote),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(escaped @ ('"' | '\\' | '$')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
            },
            Some(character) => out.push(character),
        }
    }
    let rest = characters.as_str();
    let is_comment = rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
    if rest.is_empty() || is_comment { Ok(out) } else { Err(ParametersError::AfterQuote) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Result<String, String> {
        match one(line) {
            Ok(pair) => Ok(pair.map(|(_, value)| value).unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn quotes_are_taken_off() {
        for (line, expected) in [
            ("A=plain", "plain"),
            ("A = a=b # c", "a=b # c"),
            ("A=\"in quotes\"", "in quotes"),
            ("A='$ and \\n stay'", "$ and \\n stay"),
            (r#"A="a\n\t\"b\" \\ \$ \x""#, "a\n\t\"b\" \\ $ \\x"),
            ("A=\"with # sign\"   # a comment", "with # sign"),
            ("A=''", ""),
            ("A=it's", "it's"),
            ("export A=exported", "exported"),
            ("export\tA = \"x\"", "x"),
            ("export=1", "1"),
            ("A=", ""),
        ] {
            assert_eq!(value(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_with_quotes_is_told() {
        for (line, expected) in [
            ("A=\"open", "the quote before the value is not closed on its line"),
            ("A=\"open\\\"", "the quote before the value is not closed on its line"),
            ("A='", "the quote before the value is not closed on its line"),
            ("A=\"x\"y", "something stands after the closing quote of the value"),
            ("A='x'#y", "something stands after the closing quote of the value"),
        ] {
            let error = value(line).unwrap_err();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_bad_line_costs_only_itself() {
        let lines = Lines::read("\u{feff}A=1\nhunter2\nB='x\r\n\n# c\nC=3\n");
        assert_eq!(lines.pairs, [("A".to_owned(), "1".to_owned()), ("C".to_owned(), "3".to_owned())]);
        assert_eq!(lines.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3]);
        let many = Lines::read(&"x\n".repeat(250));
        assert_eq!((many.bad.len(), many.omitted), (100, 150));
    }
}
