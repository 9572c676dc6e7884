//! From a plan to a running service: created, opened, watched, closed.

mod board;
mod call;
mod close;
mod container;
mod create;
mod failure;
#[cfg(test)]
pub(crate) mod heard;
mod open;
mod serve;
mod signals;
pub(crate) mod voice;

use std::time::Duration;

pub use board::{Board, Member};
pub use container::{Container, Started};
pub use create::CREATE_LIMIT;
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
