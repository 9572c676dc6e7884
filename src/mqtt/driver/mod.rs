//! The driver: the task behind a connection. It connects to brokers, keeps links alive, moves packets, and reconnects.
//!
//! `task` gets links from `connector` and works on each with `drive`. What outlives a link is in `core`.

mod broker_sessions;
mod connector;
mod core;
mod denied;
mod drive;
mod endpoints;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handshake;
mod inbox;
mod keep_alive;
mod link_state;
mod outcomes;
mod packet_stream;
mod permits;
mod publishing;
mod read_pause;
mod receiving;
mod refusal;
mod settings;
mod subscribing;
mod sweep;
mod takeover;
mod task;
mod unclaimed;
mod writer;

pub(crate) use denied::DeniedFilters;
pub(crate) use endpoints::Endpoints;
pub(crate) use inbox::{Accepted, Answer, Command, Inbox};
pub use link_state::{LinkState, Remaining};
pub(crate) use permits::{NoPermit, Permit, Permits};
pub(crate) use settings::Settings;
pub(crate) use task::Driver;
