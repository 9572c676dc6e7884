//! What the layers of the client and its users share: messages, options, versions, counters, and what can go wrong.

mod acknowledgement;
mod error;
mod link_error;
mod listener;
mod message;
mod metrics;
mod options;
mod qos;
mod version;
mod will;

pub(crate) use acknowledgement::AckSlot;
pub use acknowledgement::MqttAcknowledgement;
pub use error::MqttError;
pub use link_error::LinkError;
pub use listener::MqttMessageListener;
pub use message::MqttMessage;
pub(crate) use metrics::Metrics;
pub use options::{PublishOptions, RetainHandling, SubscribeOptions};
pub use qos::QoS;
pub use version::MqttVersion;
pub use will::{MqttWill, WillConfig};
