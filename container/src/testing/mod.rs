//! The test kit: one component in a container of its own, with fakes for what it references.

mod harness;
mod recorder;

pub use harness::{Harness, HarnessError, Running};
pub use recorder::{Recorded, Recorder};
