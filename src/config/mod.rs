//! Configuration of components: spanned tables, problems, typed reading, secrets and durations.

pub mod code;
mod problem;
mod secret;
mod tree;

pub use problem::{Problem, Problems, Severity};
pub use secret::{MASK, Secret};
pub use tree::{Key, Node, Origin, Section, Span, Table, Value};
