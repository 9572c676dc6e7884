//! The session: messages that are to be sent or acknowledged, and received messages that are not acknowledged yet. Without I/O.

mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod poison;
mod queue;
mod slots;

pub(crate) use incoming::{Arrival, Incoming, SessionPresence};
pub(crate) use outgoing::{Acked, MAX_WINDOW, Outgoing, Transmit};
