//! What both sides must remember of a session, without any I/O: what is on its way out, and what came in and is not
//! acknowledged yet.

mod incoming;
#[cfg(test)]
mod model;
mod outgoing;

pub(crate) use incoming::{Arrival, Incoming, Presence, Settle, Settled, Token};
pub(crate) use outgoing::{Acked, LINKS_ALONE, Outgoing, Transmit};
