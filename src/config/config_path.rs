//! A path in a configuration.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The word in the schema by which the container finds such a field.
pub(super) const FORMAT: &str = "path";

/// A path to a file or a folder, as a field of a component's configuration.
///
/// In a manifest it is relative to the folder of the file that it is written in, whatever the working directory of the process:
/// the container makes it absolute before the component sees it. In code it is what it says; relative ones are then
/// relative to the working directory.
///
/// ```
/// use wirework::config::{ConfigPath, from_pairs};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Config {
///     /// The table of calibrations.
///     table: ConfigPath,
/// }
/// let config: Config = from_pairs([("table", "/etc/acme/table.csv")])?;
/// assert_eq!(config.table.parent(), Some("/etc/acme".as_ref()));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigPath(PathBuf);

impl ConfigPath {
    /// The path alone.
    #[must_use]
    pub fn into_path(self) -> PathBuf {
        self.0
    }
}

impl Deref for ConfigPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for ConfigPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl<T: Into<PathBuf>> From<T> for ConfigPath {
    fn from(path: T) -> Self {
        Self(path.into())
    }
}

impl<'de> Deserialize<'de> for ConfigPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for ConfigPath {
    fn schema_name() -> Cow<'static, str> {
        "ConfigPath".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": FORMAT })
    }
}
