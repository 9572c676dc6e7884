//! The words that are keys of components.

use schemars::Schema;
use serde_json::Value;

/// The names of all keys of a schema, at any depth.
pub(super) fn words(schema: &Schema) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), vec![schema.as_value()]);
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(object) => {
                for (word, inside) in object {
                    if let ("properties", Some(properties)) = (word.as_str(), inside.as_object()) {
                        found.extend(properties.keys().cloned());
                    }
                    rest.push(inside);
                }
            }
            Value::Array(list) => rest.extend(list),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_at_any_depth_are_found() {
        let schema = schemars::json_schema!({ "properties": { "a": { "items": { "properties": { "b": { "enum": ["c"] } } } } } });
        assert_eq!(words(&schema), ["a", "b"]);
    }
}
