//! TOML that a terminal can be shown and that means what it meant.

use std::fmt::Write;

use toml::{Table, Value};
use wirework::text::is_unsafe;

/// The document as TOML in which every string with an [unsafe](is_unsafe) character, a line end too, is a basic string with
/// that character as an escape. TOML's writer leaves some of them as they are, and others in strings that know no escapes.
pub(super) fn toml_text(mut document: Table) -> String {
    let plain = toml::to_string_pretty(&document).unwrap_or_default();
    if !plain.contains(|character| character != '\n' && is_unsafe(character))
        && !plain.contains("'''")
        && !plain.contains("\"\"\"")
    {
        return plain;
    }
    let mut stand_ins = StandIns::unlike(&plain);
    stand_ins.replace_in(&mut document);
    stand_ins.fill(toml::to_string_pretty(&document).unwrap_or_default())
}

/// Plain words that the writer is given instead of the strings in question, which take their places afterwards.
struct StandIns {
    word: String,
    texts: Vec<String>,
}

impl StandIns {
    /// None yet; their words will be such that `document` does not hold.
    fn unlike(document: &str) -> Self {
        let mut word = "text".to_owned();
        while document.contains(&word) {
            word.push('x');
        }
        Self { word, texts: Vec::new() }
    }

    fn replace_in(&mut self, table: &mut Table) {
        let keys: Vec<_> = std::mem::take(table).into_iter().collect();
        for (mut key, mut value) in keys {
            self.replace(&mut key);
            self.replace_value(&mut value);
            table.insert(key, value);
        }
    }

    fn replace_value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.replace(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_value(item)),
            Value::Table(table) => self.replace_in(table),
            _ => {}
        }
    }

    fn replace(&mut self, text: &mut String) {
        if text.contains(is_unsafe) {
            let stand_in = format!("{}-{}-", self.word, self.texts.len());
            self.texts.push(std::mem::replace(text, stand_in));
        }
    }

    /// Puts the strings in: a value's word stands in quotes, a key's does not.
    fn fill(&self, written: String) -> String {
        let mut out = String::with_capacity(written.len());
        let mut rest = written.as_str();
        while let Some((before, after)) = rest.split_once(&format!("{}-", self.word)) {
            let (number, behind) = after.split_once('-').unwrap_or((after, ""));
            let text = number.parse().ok().and_then(|number: usize| self.texts.get(number));
            let (before, behind) = match (before.strip_suffix('"'), behind.strip_prefix('"')) {
                (Some(before), Some(behind)) => (before, behind),
                _ => (before, behind),
            };
            out.push_str(before);
            out.push_str(&quoted(text.map(String::as_str).unwrap_or_default()));
            rest = behind;
        }
        out + rest
    }
}

/// A string as a basic string, without a character that a terminal would act on.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        // Writing to a string cannot fail.
        let _ = match character {
            '"' | '\\' => write!(out, "\\{character}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            unsafe_one if is_unsafe(unsafe_one) => write!(out, "\\U{:08X}", u32::from(unsafe_one)),
            plain => write!(out, "{plain}"),
        };
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left_and_nothing_is_changed() {
        let evil = "it's \"\\\u{1b}]0;x\u{7}\n\u{9b}\u{202e}\u{e0041}'''";
        let mut inner = Table::new();
        inner.insert(evil.to_owned(), evil.into());
        inner.insert("text-0-".to_owned(), "text-1-".into());
        let mut document = Table::new();
        document.insert("plain".to_owned(), "a 'b' \\".into());
        document.insert("list".to_owned(), vec![Value::from(evil), Value::Table(inner.clone())].into());
        document.insert(format!("{evil}2"), Value::Table(inner.clone()));
        document.insert("tables".to_owned(), vec![Value::Table(inner)].into());
        let text = toml_text(document.clone());
        assert!(text.chars().all(|c| c == '\n' || !is_unsafe(c)), "{text}");
        assert_eq!(toml::from_str::<Table>(&text).unwrap(), document, "{text}");
    }
}
