//! The tables that a value can be, and the key that tells them apart.

use serde_json::Value;

/// How many branches of a schema are looked at.
const MAX_BRANCHES: usize = 64;

/// A schema that may hold for a value.
#[derive(Clone)]
pub(super) struct Branch<'s> {
    pub(super) schema: &'s Value,
    /// What says that it is this one of several tables.
    pub(super) tag: Option<Tag<'s>>,
    /// Those of which it is one, where it is not the only one.
    siblings: Vec<&'s Value>,
}

/// A key whose value says which of several tables it is.
#[derive(Clone, Copy)]
pub(super) struct Tag<'s> {
    pub(super) name: &'s str,
    pub(super) value: &'s str,
    /// How many tables there are.
    pub(super) of: usize,
}

impl Branch<'_> {
    /// Whether a table that is this one must have a key.
    pub(super) fn requires(&self, name: &str) -> bool {
        requires(self.schema, name)
    }

    /// Whether the others have to have the key, too.
    pub(super) fn is_certain(&self, name: &str) -> bool {
        self.siblings.iter().all(|sibling| requires(sibling, name))
    }

    /// Whether a value may be something else, and nothing but itself tells.
    pub(super) fn is_alternative(&self) -> bool {
        self.tag.is_none() && !self.siblings.is_empty()
    }

    /// What this table is for, behind the value that says that it is this one.
    pub(super) fn doc(&self) -> Option<String> {
        let doc = self.schema.get("description").and_then(Value::as_str)?;
        self.tag.map(|tag| format!("`{}`: {doc}", tag.value))
    }
}

fn requires(schema: &Value, name: &str) -> bool {
    let must = schema.get("required").and_then(Value::as_array);
    must.is_some_and(|must| must.iter().any(|key| key == name))
}

/// A schema and all that it stands for by `$ref`, `anyOf`, `oneOf` and `allOf`.
pub(super) fn branches<'s>(root: &'s Value, schema: &'s Value) -> Vec<Branch<'s>> {
    let mut found = vec![Branch { schema, tag: None, siblings: Vec::new() }];
    let mut at = 0;
    while let Some(branch) = found.get(at).cloned().filter(|_| at < MAX_BRANCHES) {
        at += 1;
        let same = |schema| Branch { schema, ..branch.clone() };
        let reference = branch.schema.get("$ref").and_then(Value::as_str);
        let referred = reference.and_then(|text| text.strip_prefix('#')).and_then(|text| root.pointer(text));
        let referred =
            referred.filter(|referred| !found.iter().any(|known| std::ptr::eq(known.schema, *referred)));
        let more: Vec<_> = referred.into_iter().chain(list(branch.schema, "allOf")).map(same).collect();
        found.extend(more);
        for word in ["anyOf", "oneOf"] {
            let is_null = |branch: &&Value| branch.get("type").is_some_and(|name| name == "null");
            let branches: Vec<_> = list(branch.schema, word).filter(|branch| !is_null(branch)).collect();
            match branches.as_slice() {
                [only] => found.push(same(only)),
                several => found.extend(several.iter().map(|branch| Branch {
                    schema: branch,
                    tag: tag(branch, several),
                    siblings: several.to_vec(),
                })),
            }
        }
    }
    found
}

/// The key with one value in this branch, and with one value in each of the others.
fn tag<'s>(branch: &'s Value, all: &[&'s Value]) -> Option<Tag<'s>> {
    let own = branch.get("properties").and_then(Value::as_object)?;
    own.iter().find_map(|(name, _)| {
        let value = only_value(branch, name)?;
        all.iter().all(|other| only_value(other, name).is_some()).then_some(Tag {
            name,
            value,
            of: all.len(),
        })
    })
}

fn only_value<'s>(branch: &'s Value, name: &str) -> Option<&'s str> {
    let schema = branch.get("properties")?.get(name)?;
    let listed = || schema.get("enum").and_then(Value::as_array).filter(|list| list.len() == 1)?.first();
    schema.get("const").or_else(listed)?.as_str()
}

fn list<'s>(schema: &'s Value, word: &str) -> impl Iterator<Item = &'s Value> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}
