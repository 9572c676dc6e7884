//! The container of Wirework: a TOML manifest is checked as a whole, planned, and run.

mod cli;
pub mod manifest;
pub mod plan;
pub mod run;
pub mod testing;

#[cfg(fuzzing)]
pub use cli::fuzz;
pub use cli::{Host, StartError, manifest_schema};
pub use run::{Effect, Event, Events, Listener, StopCause};
