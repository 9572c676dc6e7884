//! The words of a key and of a reference, as every way of describing a component has them.

use wirework::component::Reference;
use wirework::config::{KeyDoc, Variant};

use super::super::width::{COLUMNS, hanging};
use crate::plan::Binary;

/// A key or a reference, in as many lines as it needs.
pub(super) fn line(text: &str) -> String {
    hanging("  ", text, 4, COLUMNS)
}

/// What a reference asks for.
pub(super) fn asks(reference: &Reference, binary: Binary) -> String {
    format!("{} {} at `{}`", reference.cardinality.as_str(), binary.asked(reference), reference.pattern)
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

#[cfg(test)]
mod tests {
    use wirework::component::Registry;
    use wirework::config::keys;

    #[test]
    fn no_key_says_its_default_in_its_documentation_too() {
        let registry = Registry::linked().unwrap();
        let all = registry.all().iter().flat_map(|one| keys(&one.factory().schema()));
        let with_default: Vec<_> = all.filter(|key| key.default.is_some()).collect();
        assert!(!with_default.is_empty());
        for key in with_default {
            assert!(
                !key.doc.contains("Default"),
                "`{}` is described with its default: {}",
                key.path,
                key.doc
            );
        }
    }
}
