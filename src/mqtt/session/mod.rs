//! What both sides must remember of a session, without any I/O: what is on its way out, and what came in and is not
//! acknowledged yet.

mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod presence;

pub(crate) use incoming::{Arrival, Incoming, Token};
pub(crate) use outgoing::{ALONE, Acked, Outgoing, Transmit};
pub(crate) use presence::Presence;
