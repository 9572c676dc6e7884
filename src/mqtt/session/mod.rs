//! The session: messages that are to be sent or acknowledged, and received messages that are not acknowledged yet. Without I/O.

mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod packet_ids;
mod poison;
mod queue;
mod slots;

pub(crate) use incoming::{Arrival, Incoming, SessionPresence};
pub(crate) use outgoing::{Acked, Outgoing, Transmit};
pub(crate) use packet_ids::{CONTROL_IDS, MAX_WINDOW};
