//! The task behind a connection: it dials, keeps the link alive, moves packets, and does it again when the link breaks.

mod aftermath;
mod backoff;
mod blame;
mod broker_sessions;
mod burst;
#[cfg(test)]
mod clock_tests;
mod connector;
mod core;
mod denied;
mod drive;
mod endpoints;
mod fail_back;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gauges;
mod handshake;
mod inbox;
mod keep_alive;
mod limiting;
mod link_state;
mod oversize;
mod permits;
mod read;
mod read_pause;
mod receive;
mod refusal;
mod refusing;
mod relink;
mod settings;
mod sweep;
mod takeover;
mod task;
mod tick;
mod trial;
#[cfg(test)]
mod unread_tests;
mod write;

pub(crate) use core::MAX_WINDOW;
pub(crate) use denied::DeniedFilters;
pub(crate) use endpoints::Endpoints;
pub(crate) use inbox::{Accepted, Answer, Command, Inbox, Reply, Settled};
pub use link_state::{LinkState, Remaining};
pub(crate) use permits::{NoPermit, Permit, Permits};
pub(crate) use settings::Settings;
pub(crate) use task::{Parts, run};
