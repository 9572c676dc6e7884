//! Configuration of components: spanned tables, problems, typed reading, secrets and durations.

pub mod code;
mod problem;
mod provisional;
mod secret;
mod tree;

pub use problem::{Problem, Problems, Severity};
pub use provisional::{read, schema_of};
pub use secret::{MASK, Secret};
pub use tree::{Key, Node, Origin, Section, Span, Table, Value};
