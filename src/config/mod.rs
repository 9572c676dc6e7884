//! Configuration of components: spanned tables, problems, typed reading, secrets and durations.

mod secret;

pub use secret::{MASK, Secret};
