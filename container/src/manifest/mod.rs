//! Manifests: files in, checked sections out, and every problem with its place.
//!
//! The order of work: read each file and what it includes; replace parameters in `include`, `descriptor` and
//! `enabled`; lay the sections of one descriptor over each other; drop the disabled ones; replace the other
//! parameters; take out the container's own keys. What the keys of a component mean is for its factory to say.

mod assemble;
mod booleans;
#[cfg(feature = "cli")]
mod broken;
#[cfg(feature = "cli")]
pub(crate) mod codes;
mod container_keys;
mod entry;
#[cfg(feature = "cli")]
mod excerpt;
mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hidden;
mod likely_mistakes;
mod load;
mod misplaced;
mod near_descriptors;
mod other_formats;
mod overlay;
mod parameter_file;
mod parameter_syntax;
mod parameters;
mod parameters_error;
mod parts;
#[cfg(not(feature = "cli"))]
mod plain;
mod readiness;
#[cfg(feature = "cli")]
mod render;
#[cfg(feature = "cli")]
mod render_json;
mod replace;
mod secrets;
mod service;
mod typo;
mod unitless_times;
mod unused;

#[cfg(test)]
mod tests;

pub use assemble::{Disabled, Manifest};
pub use container_keys::{CONTAINER_KEYS, ContainerKey, Kind, Place, find, keys_of, names_of};
pub use entry::Entry;
pub(crate) use entry::shown_key;
pub use files::{File, Files, Location};
#[cfg(feature = "cli")]
pub(crate) use hidden::container_values;
pub use likely_mistakes::warn_likely_mistakes;
pub(crate) use load::looked_in;
pub use misplaced::{BEFORE_HEADERS, misplaced};
pub use parameter_syntax::{BadParameter, Fragment, fragments};
pub use parameters::Parameters;
pub use parameters_error::{BadLine, ParametersError};
#[cfg(not(feature = "cli"))]
pub use plain::render;
#[cfg(feature = "cli")]
pub use render::render;
#[cfg(feature = "cli")]
pub use render_json::{render_json, render_sarif};
pub use replace::{MAX_SECRET_FILE, Replaced};
pub use secrets::{mask_table, warn_exposed_secrets, warn_literal_secrets};
pub use service::Service;
pub use unitless_times::warn_unitless_times;
pub use unused::{warn_misspelt, warn_unused};
