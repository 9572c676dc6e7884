//! The JSON schema of a configuration type, made once for each.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

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
    settings.into_generator().into_root_schema_for::<T>()
}
