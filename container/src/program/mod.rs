//! A program that can run a service: what its binary brings along, and where its manifest comes from.

mod program;
mod sources;

pub use program::Program;
pub use sources::Sources;
