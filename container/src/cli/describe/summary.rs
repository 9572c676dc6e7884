//! The keys of a component that has many, in short.

use std::fmt::Write;

use wirework::Pattern;
use wirework::config::KeyDoc;

use super::super::width::{COLUMNS, hanging, indented};
use super::words::{line, remarks, values};

/// The outer keys with what they are for in a sentence, of tables the names of their keys, and how to see more.
pub(super) fn of(keys: &[KeyDoc], pattern: &Pattern) -> String {
    let mut out = String::new();
    for key in keys.iter().filter(|key| !key.path.contains('.')) {
        let _ = writeln!(out, "{}", line(&format!("{}  {}{}", key.path, key.takes(), remarks(key))));
        out.push_str(&indented(sentence(&key.doc), 6));
        let inner = inner(keys, &key.path);
        if !inner.is_empty() {
            let _ = writeln!(out, "{}", hanging("      keys: ", &inner.join(", "), 8, COLUMNS));
        }
    }
    let (name, count) = (format!("{}:{}", pattern.token(1), pattern.token(2)), keys.len());
    let more = format!(
        "{count} keys in all: `describe {name} --all` shows each in full, `describe {name} KEY` one with all below it"
    );
    let _ = writeln!(out, "\n{}", hanging("  ", &more, 2, COLUMNS));
    out
}

/// The names of the keys of a table, or of the tables in a list; `…` behind those that are tables themselves.
fn inner(keys: &[KeyDoc], outer: &str) -> Vec<String> {
    let below = |key: &'_ KeyDoc| -> Option<(String, String)> {
        let rest = key.path.strip_prefix(outer)?.strip_prefix('.')?;
        let rest = rest.strip_prefix("*.").or_else(|| rest.strip_prefix("<key>.")).unwrap_or(rest);
        let there = key.variant.as_ref().map(|variant| format!(" (with {})", values(variant)));
        Some((rest.to_owned(), there.unwrap_or_default()))
    };
    let all: Vec<_> = keys.iter().filter_map(below).collect();
    let is_table = |name: &str| {
        all.iter().any(|(path, _)| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let names = all.iter().filter(|(path, _)| !path.contains('.') && path != "*" && path != "<key>");
    let shown = |(name, there): &(String, String)| {
        let more = if is_table(name) { ".…" } else { "" };
        format!("{name}{more}{there}")
    };
    names.map(shown).collect()
}

/// The first sentence of a text.
fn sentence(text: &str) -> &str {
    let end = text.match_indices('.').find(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.is_empty()
            || rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with(char::is_uppercase)
    });
    end.and_then(|(at, _)| text.get(..=at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_before_another() {
        assert_eq!(sentence("One, such as 1.0 here. Two."), "One, such as 1.0 here.");
        assert_eq!(sentence("one"), "one");
        assert_eq!(sentence("One e.g. this.\nTwo"), "One e.g. this.");
    }
}
