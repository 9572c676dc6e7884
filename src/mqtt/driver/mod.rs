//! The task behind a connection: it dials, keeps the link alive, moves packets, and does it again when the link breaks.

mod aftermath;
mod alive;
mod blame;
mod burst;
#[cfg(test)]
mod clock_tests;
mod coalesce;
mod core;
mod denied;
mod drive;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gauges;
mod greet;
mod intake;
mod leave;
mod limiting;
mod link;
mod lives;
mod missed;
mod oversize;
mod permits;
mod places;
mod read;
mod receive;
mod refusing;
mod relink;
mod roads;
mod seek;
mod settings;
mod state;
mod tick;
mod trying;
#[cfg(test)]
mod unread_tests;
mod whom;
mod write;

pub(crate) use core::MAX_WINDOW;
pub(crate) use denied::DeniedFilters;
pub(crate) use intake::{Accepted, Answer, Command, Intake, Reply, Settled};
pub(crate) use link::{Parts, run};
pub(crate) use permits::{Permit, Permits, Refused};
pub(crate) use roads::Roads;
pub(crate) use settings::Settings;
pub use state::{LinkState, Remaining};
