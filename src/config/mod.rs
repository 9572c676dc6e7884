//! Configuration of components: spanned tables, problems, typed reading, secrets and durations.

pub mod code;
mod complaint;
mod confidential;
mod document;
mod editor;
mod invalid;
mod mask;
mod millis;
mod outline;
mod pairs;
mod pieces;
mod place;
mod problem;
mod read;
mod schema;
mod secret;
mod suggest;
mod table;
mod tree;

pub use confidential::{is_secret, is_shown, is_uri, schema_secrets};
pub use document::{MAX_DEPTH, parse_toml, parse_toml_timed};
pub use editor::editor_schema;
pub use invalid::Invalid;
pub use mask::{has_user_info, mask_uri, mask_user_info};
pub use millis::{Millis, MillisError};
pub use outline::{KeyDoc, keys};
pub use pairs::{ConfigError, from_pairs, from_toml};
pub use place::value_types;
pub use problem::{MOST_OF_A_KIND, Problem, Problems, Severity};
pub use read::read;
pub use schema::schema_of;
pub use secret::{MASK, Secret};
pub use suggest::nearest;
pub use table::Table;
pub use tree::{Key, Node, Origin, Section, Span, Value};
