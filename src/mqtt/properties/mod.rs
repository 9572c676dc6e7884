//! What an MQTT 5 message carries beside its topic and payload.

mod message;
mod trace;

pub use message::MessageProperties;
pub(crate) use message::seconds;
pub(crate) use trace::{read as read_trace, write as write_trace};
