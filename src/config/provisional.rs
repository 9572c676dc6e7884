//! Reading a section with the first problem only; replaced by the reader that reports every problem.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use super::{Node, Problem, Problems, Section, Table, Value};

/// Reads a section.
pub fn read<T: DeserializeOwned + JsonSchema + 'static>(
    section: &Section<'_>,
    problems: &mut Problems,
) -> Option<T> {
    match serde_json::from_value(table(section.table)) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.push(Problem::error("BAD_CONFIG", section.span, error.to_string()));
            None
        }
    }
}

/// The schema of a configuration type, made once.
pub fn schema_of<T: JsonSchema + 'static>() -> Arc<Schema> {
    static SCHEMAS: Mutex<Option<HashMap<TypeId, Arc<Schema>>>> = Mutex::new(None);
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    let schema = || {
        Arc::new(schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<T>())
    };
    Arc::clone(schemas.get_or_insert_default().entry(TypeId::of::<T>()).or_insert_with(schema))
}

fn table(table: &Table) -> serde_json::Value {
    table.iter().map(|(key, node)| (key.name.clone(), json(node))).collect::<serde_json::Map<_, _>>().into()
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::String(text) | Value::Datetime(text) => text.clone().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Array(all) => all.iter().map(json).collect::<Vec<_>>().into(),
        Value::Table(inner) => table(inner),
    }
}
