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
mod found;
mod instances;
mod level_change;
mod levels;
mod on_start;
mod open;
#[cfg(feature = "admin")]
mod operator;
mod restart;
mod restarting;
mod restarts;
mod sections;
mod serve;
mod signals;
mod systemd;

pub use board::{Board, Member};
pub use container::{Container, Started};
pub use control::ServiceControl;
pub use create::CREATE_LIMIT;
pub use event::{Effect, Event, LevelEnd, Listener, StopCause};
pub use events::Events;
pub use failure::{CallError, Failure, Failures, Phase};
pub use level_change::{LevelChange, LevelChangeError};
pub use on_start::OnStart;
#[cfg(feature = "admin")]
pub(crate) use operator::{Operator, OperatorAccess};
pub use restart::{Restart, RestartError, Restarted};
pub use serve::{ServeError, serve};
pub use signals::Signals;

/// The target of what the container itself logs.
pub(crate) const LOG: &str = "wirework";
