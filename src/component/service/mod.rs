//! What is known of a running service as a whole: states, readiness, references, and what changes.
//!
//! A container keeps [`ServiceStates`]; everybody else has a [`ServiceView`] of them, each component by
//! [`Context::service`](super::Context::service).

mod graph;
mod levels;
mod readiness;
mod state;
mod states;
#[cfg(test)]
mod tests;
mod view;

pub use graph::{Link, NoGraph, ServiceGraph, ServiceMember};
pub use levels::{LevelOverride, LevelTarget, LogLevel};
pub use readiness::{Readiness, ReadinessRule};
pub use state::{Change, ComponentState, ServiceState, StateChange};
pub use states::ServiceStates;
pub use view::{Changes, ServiceView};
