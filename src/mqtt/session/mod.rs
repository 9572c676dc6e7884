//! What both sides must remember of a session, without any I/O: messages on their way out, and received messages that are not
//! acknowledged yet.

mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod poison;
mod queue;
mod slots;

pub(crate) use incoming::{Arrival, Incoming, Presence, Token};
pub(crate) use outgoing::{Acked, Outgoing, Transmit};
