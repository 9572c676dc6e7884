//! What the schema of a configuration knows of its keys.

use std::sync::Arc;

use schemars::Schema;

use super::path::Path;
use crate::config::schema::DURATION;
use crate::config::{json_schema, outline, place};

/// The schema, which is made only when there is something to ask it.
pub struct SchemaKeys(fn() -> Arc<Schema>);

crate::opaque::opaque!(SchemaKeys);

impl SchemaKeys {
    pub const fn new(schema: fn() -> Arc<Schema>) -> Self {
        Self(schema)
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
        let mut places = outline::keys(&schema).into_iter().map(|key| key.path);
        let mut places = places.by_ref().filter(|path| named(path) && fits(path));
        let place = places.next()?;
        places.next().is_none().then_some(place)
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
