//! What an MQTT 5 message carries beside its topic and payload, and the data types that all packets are made of.

mod fields;
pub(crate) mod ids;
mod malformed;
mod message;
mod publish;
mod received;
mod trace_id;
mod variable_int;

pub(crate) use fields::Fields;
pub(crate) use malformed::Malformed;
pub use message::MessageProperties;
pub(crate) use message::{PropertyError, seconds};
pub(crate) use publish::{Checked, Outgoing, put_bytes};
pub use received::ReceivedProperties;
pub(crate) use trace_id::TraceId;
pub(crate) use variable_int::VariableInt;
