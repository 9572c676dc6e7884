//! What an MQTT 5 message carries beside its topic and payload, and the data types that all packets are made of.

mod data_types;
pub(crate) mod ids;
mod message;
mod publish;
mod received;
mod trace_id;

pub(crate) use data_types::{Fields, Malformed, put_bytes};
pub use message::MessageProperties;
pub(crate) use message::PropertyError;
pub(crate) use publish::{Checked, Outgoing};
pub use received::ReceivedProperties;
pub(crate) use trace_id::TraceId;
