//! Who listens to what, what the broker has been asked for because of that, and who gets a message.

mod credit;
mod held;
mod identified;
mod listeners;
mod mailbox;
mod owed;
mod pending;
mod poison;
mod registry;
mod retained;
mod sent;
mod unclaimed;
mod wire;

pub(crate) use held::{Acknowledger, Held, Receipt};
pub(crate) use listeners::{Context, SharedListener};
pub(crate) use poison::Cause;
pub(crate) use registry::{Outcome, Recheck, Registry};
pub(crate) use unclaimed::Unclaimed;
pub(crate) use wire::{Control, Patience, Trial};
