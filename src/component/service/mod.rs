//! What is known of a running service as a whole: states, readiness, references, and what changes.
//!
//! A container keeps [`ServiceStates`]; everybody else has a [`ServiceView`] of them, each component by
//! [`Context::service`](super::Context::service).

mod changes;
mod readiness;
mod states;
mod view;

pub use changes::{Change, Changes};
pub use readiness::{Readiness, ReadinessRule};
pub use states::{ServiceMember, ServiceStates};
pub use view::{ComponentState, Link, NoGraph, ServiceGraph, ServiceState, ServiceView, StateChange};
