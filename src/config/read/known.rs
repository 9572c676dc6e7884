//! What the schema of a configuration knows of its keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::Schema;

use super::path::Path;
use crate::config::schema::DURATION;
use crate::config::{json_schema, outline, place};

/// The schema, which is made only when there is something to ask it.
#[derive(Clone)]
pub struct SchemaKeys(fn() -> Arc<Schema>);

crate::opaque::opaque!(SchemaKeys);

impl SchemaKeys {
    pub const fn new(schema: fn() -> Arc<Schema>) -> Self {
        Self(schema)
    }

    /// What makes the schema.
    pub const fn make(&self) -> fn() -> Arc<Schema> {
        self.0
    }

    pub fn schema(&self) -> Arc<Schema> {
        (self.0)()
    }

    /// Whether a place is one for a [`Duration`](std::time::Duration).
    pub fn is_duration(&self, path: &Path<'_>) -> bool {
        let schema = self.schema();
        let found = place::look_up(&schema, &path.segments()).schemas;
        found.into_iter().any(|schema| schema.get(DURATION).is_some())
    }

    /// Whether the table at a place is a map from numbers.
    pub fn has_numbers_as_keys(&self, path: &Path<'_>) -> bool {
        let schema = self.schema();
        let found = place::look_up(&schema, &path.segments()).schemas;
        found.into_iter().any(json_schema::has_numbers_as_keys)
    }

    /// Which types the schema has for a place.
    pub fn types(&self, path: &Path<'_>) -> Vec<String> {
        let schema = self.schema();
        let found = place::look_up(&schema, &path.segments()).schemas;
        found.into_iter().flat_map(json_schema::types).map(str::to_owned).collect()
    }

    /// The only place of a key of that name elsewhere in the configuration.
    pub fn elsewhere(&self, name: &str, here: &[&str]) -> Option<String> {
        let schema = self.schema();
        let suffix = format!(".{name}");
        // A pattern of keys, such as `connections.<key>.host`, is no suggestion; nor is a place right here.
        let fits = |path: &str| !path.contains(['<', '*']) && !here.contains(&path);
        let named = |path: &str| path == name || path.ends_with(&suffix);
        let places = outline::keys(&schema).into_iter().map(|key| key.path);
        // A table that can be one of several may have a key of that name in each.
        let mut places: BTreeSet<_> = places.filter(|path| named(path) && fits(path)).collect();
        let place = places.pop_first()?;
        places.is_empty().then_some(place)
    }

    /// What to write in place of a key that the table at a place says it does not have.
    pub fn not_here(&self, table: &Path<'_>, name: &str) -> Option<String> {
        place::not_here(&self.schema(), &table.segments(), name).map(str::to_owned)
    }

    /// With which values of another key the table at a place may be one that has this key, where it is none of those.
    pub fn only_with(&self, path: &Path<'_>) -> Option<String> {
        let path = path.to_string();
        let variant = outline::keys(&self.schema()).into_iter().find(|key| key.path == path)?.variant?;
        let values: Vec<_> = variant.values.iter().map(|value| format!("{value:?}")).collect();
        Some(format!("`{} = {}`", variant.tag, values.join("` or `")))
    }

    /// The key of which the quotes around all of a name with dots make another.
    pub fn dotted(&self, name: &str) -> Option<String> {
        let is_it = |path: &str| name.contains('.') && path == name;
        outline::keys(&self.schema()).into_iter().map(|key| key.path).find(|path| is_it(path))
    }

    /// The keys that the table at a place has.
    pub fn keys_at(&self, path: &Path<'_>) -> Vec<String> {
        place::names_at(&self.schema(), &path.segments()).into_iter().map(str::to_owned).collect()
    }
}
