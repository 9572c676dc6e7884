//! The words of a key and of a reference, as every way of describing a component has them.

use wirework::component::Reference;
use wirework::config::{KeyDoc, Variant};

use super::super::width::{COLUMNS, hanging};

/// A key or a reference, in as many lines as it needs.
pub(super) fn line(text: &str) -> String {
    hanging("  ", text, 4, COLUMNS)
}

/// The documentation of a key without what its remarks say already: a last sentence `Default 1000.`
pub(super) fn doc(key: &KeyDoc) -> &str {
    let said = key.default.as_ref().and_then(|default| {
        let (before, last) = key.doc.trim_end().rsplit_once("Default")?;
        let last = last.trim().strip_suffix('.')?.trim_matches('`');
        let default = default.to_string();
        (last == default).then_some(before)
    });
    said.filter(|before| before.trim_end().is_empty() || before.trim_end().ends_with('.'))
        .unwrap_or(&key.doc)
        .trim_end()
}

/// What a reference asks for.
pub(super) fn asks(reference: &Reference) -> String {
    format!("{} {} at `{}`", reference.cardinality.as_str(), (reference.capability)(), reference.pattern)
}

/// The key that says which of several tables it is, with the values for which another key is there: `kind = "tcp" or "unix"`.
pub(super) fn tagged(variant: &Variant) -> String {
    format!("{} = {}", variant.tag, values(variant))
}

/// The values of the tag for which a key is there.
pub(super) fn values(variant: &Variant) -> String {
    let values: Vec<_> = variant.values.iter().map(|value| format!("{value:?}")).collect();
    values.join(" or ")
}

/// What is to be said of a key beside its type.
pub(super) fn remarks(key: &KeyDoc) -> String {
    let default = key.default.as_ref().map(|default| format!("default {default}"));
    let there = key.variant.as_ref().map(|variant| match variant.required {
        true => format!("required with {}", tagged(variant)),
        false => format!("only with {}", tagged(variant)),
    });
    let words = [
        key.required.then(|| "required".to_owned()),
        there,
        default,
        key.secret.then(|| "secret".to_owned()),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(", {}", words.join(", ")) }
}

/// An example without the spaces before its lines.
pub(super) fn trimmed(example: &str) -> String {
    example.lines().map(|line| format!("{}\n", line.trim())).collect()
}
