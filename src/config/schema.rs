//! The JSON schema of a configuration type, made once for each.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::Millis;

static SCHEMAS: LazyLock<RwLock<HashMap<TypeId, Arc<Schema>>>> = LazyLock::new(RwLock::default);

/// The schema (draft-07, everything in place) of a configuration type. The first call for a type makes it, the others
/// look it up.
///
/// ```
/// #[derive(schemars::JsonSchema)]
/// struct Config {
///     /// Where to connect to.
///     host: String,
/// }
/// let schema = wirework::config::schema_of::<Config>();
/// assert_eq!(wirework::config::keys(&schema)[0].doc, "Where to connect to.");
/// ```
#[must_use]
pub fn schema_of<T: JsonSchema + 'static>() -> Arc<Schema> {
    let id = TypeId::of::<T>();
    // A poisoned map is whole: the only thing done under the lock is one insertion.
    if let Some(schema) = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(schema);
    }
    let schema = Arc::new(make::<T>());
    let mut schemas = SCHEMAS.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(schemas.entry(id).or_insert(schema))
}

fn make<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(duration_as_time));
    settings.into_generator().into_root_schema_for::<T>()
}

/// What marks a time that is a [`Duration`](std::time::Duration) in a configuration.
pub(super) const DURATION: &str = "x-duration";

/// A [`Duration`](std::time::Duration) is read as a time is written everywhere, and described so.
fn duration_as_time(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let properties = object.get("properties").and_then(Value::as_object);
    let is = |name: &str, format: &str| {
        properties
            .and_then(|properties| properties.get(name)?.get("format"))
            .is_some_and(|found| found == format)
    };
    let count = properties.map_or(0, |properties| properties.len());
    if count == 2 && is("secs", "uint64") && is("nanos", "uint32") {
        object.remove("required");
        object.remove("properties");
        let optional = object.get("type").is_some_and(Value::is_array);
        object.insert(DURATION.to_owned(), true.into());
        object.extend(
            Millis::json_schema(&mut SchemaGenerator::default()).as_object().cloned().unwrap_or_default(),
        );
        if let (true, Some(Value::Array(types))) = (optional, object.get_mut("type")) {
            types.push("null".into());
        }
        let part = |default: &Value, name: &str| default.get(name).and_then(Value::as_u64);
        if let Some(default) = object.get_mut("default")
            && let (Some(secs), Some(nanos)) = (part(default, "secs"), part(default, "nanos"))
        {
            let time = Duration::new(secs, u32::try_from(nanos).unwrap_or_default());
            *default = Millis(time).to_string().into();
        }
    }
}
