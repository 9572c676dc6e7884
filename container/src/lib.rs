//! The container of Wirework: a TOML manifest is checked as a whole, planned, and run.

#![warn(missing_debug_implementations)]

#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "cli")]
mod cli;
mod host;
pub mod manifest;
pub mod plan;
mod program;
pub mod run;
pub mod testing;

#[cfg(all(fuzzing, feature = "cli"))]
pub use cli::canary;
#[cfg(feature = "cli")]
pub use cli::manifest_schema;
pub use host::{Host, StartError};
pub use run::{Effect, Event, Events, LevelEnd, Listener, StopCause};
