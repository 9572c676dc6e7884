//! What the configuration of a component has to be.

use std::sync::Arc;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::config::{Problems, Reading, Section, read_as_far, schema_of};

/// A type that a component's section of a manifest is read into: any that derives `Deserialize` and `JsonSchema`.
///
/// It has no `DeserializeOwned` and `JsonSchema` as supertraits, so that the compiler names the derive that is missing, and not the
/// tuples and arrays that have a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the configuration of a component",
    label = "it has to derive `Deserialize` and `JsonSchema`",
    note = "write `#[derive(serde::Deserialize, schemars::JsonSchema)]` above `{Self}`, and above the types of its fields",
    note = "the crate needs `cargo add serde --features derive` and `cargo add schemars@1`"
)]
pub trait Configuration: Sized + Send + 'static {
    /// What `describe` shows and editors are told.
    #[doc(hidden)]
    fn schema() -> Arc<Schema>;

    /// A section as this type, as far as it can be read.
    #[doc(hidden)]
    fn read(section: &Section<'_>, problems: &mut Problems) -> Reading<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Configuration for T {
    fn schema() -> Arc<Schema> {
        schema_of::<T>()
    }

    fn read(section: &Section<'_>, problems: &mut Problems) -> Reading<T> {
        read_as_far(section, problems)
    }
}
