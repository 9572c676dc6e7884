//! Components as pages of the book.

use std::fmt::Write;

use wirework::component::{Registered, Registry};
use wirework::config::{KeyDoc, keys};
use wirework::text::escape;

use super::super::example::example;
use super::words::{asks, tagged, trimmed};
use crate::plan::Binary;

/// The page of one kind of component, its keys and references as tables.
pub(super) fn page(one: &Registered, registry: &Registry, binary: Binary) -> String {
    let factory = one.factory();
    let keys = keys(&factory.schema());
    let mut out = format!("## `{}`\n\n{}\n", one.pattern(), cell(factory.summary()));
    if !keys.is_empty() {
        out.push_str("\n| key | takes | default | |\n|---|---|---|---|\n");
        keys.iter().for_each(|key| out.push_str(&row(key)));
    }
    if !factory.references().is_empty() {
        out.push_str("\n| reference | takes | |\n|---|---|---|\n");
        for reference in factory.references() {
            let docs = cell(reference.docs);
            let _ = writeln!(out, "| `{}` | {} | {docs} |", reference.field, cell(&asks(reference, binary)));
        }
    }
    let offers: Vec<_> = factory.offers().iter().map(|offer| format!("`{}`", offer.name())).collect();
    let _ = writeln!(out, "\nIt offers {}.\n\n```toml", offers.join(", "));
    out.push_str(&trimmed(&example(one, registry)));
    out.push_str("```\n");
    out
}

fn row(key: &KeyDoc) -> String {
    let there = key.variant.as_ref().map(|variant| format!("with `{}`", cell(&tagged(variant))));
    let is_required = key.required || key.variant.as_ref().is_some_and(|variant| variant.required);
    let default = match (&key.default, is_required, there) {
        (Some(default), _, there) => {
            let there = there.map(|there| format!(", {there}")).unwrap_or_default();
            format!("`{}`{there}", cell(&default.to_string()))
        }
        (None, true, Some(there)) => format!("required {there}"),
        (None, true, None) => "required".to_owned(),
        (None, false, there) => there.map(|there| format!("only {there}")).unwrap_or_default(),
    };
    let secret = if key.secret { "secret; " } else { "" };
    format!("| `{}` | {} | {default} | {secret}{} |\n", key.path, cell(&key.takes()), cell(&key.doc))
}

/// A text in a cell of a table. Outside of code, `<` would begin an element of HTML.
fn cell(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let text = escape(&words.join(" ")).replace('|', "\\|");
    let parts = text.split('`').enumerate();
    let parts =
        parts.map(|(number, part)| if number % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_of_text() {
        assert_eq!(cell("a\n b | `<c>` <d>"), "a b \\| `<c>` &lt;d>");
    }
}
