//! From a plan to a running service: created, opened, watched, closed.

mod assembly;
mod board;
mod call;
#[cfg(test)]
pub(crate) mod captured;
mod close;
pub(crate) mod console;
mod container;
mod control;
mod create;
mod event;
mod event_log;
mod events;
mod failure;
mod open;
mod serve;
mod signals;

use std::time::Duration;

pub use board::{Board, Member};
pub use container::{Container, Started};
pub use control::ServiceControl;
pub use create::CREATE_LIMIT;
pub use event::{Effect, Event, Listener, StopCause};
pub use events::Events;
pub use failure::{CallError, Failure, Failures, Phase};
pub use serve::{ServeError, serve};
pub use signals::Signals;

/// The target of what the container itself logs.
pub(crate) const LOG: &str = "wirework";

/// A duration as people read it in a log: three digits and a unit.
pub(crate) fn millis(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
