//! What an MQTT 5 message carries beside its topic and payload.

mod fields;
pub(crate) mod ids;
mod message;
mod received;
mod trace;
mod wire;

pub(crate) use fields::{Fields, Malformed};
pub use message::MessageProperties;
pub(crate) use message::seconds;
pub use received::ReceivedProperties;
pub(crate) use trace::{read as read_trace, write as write_trace};
pub(crate) use wire::{check, put_bytes, size, write};
