//! The live connection: a cheap handle that publishes and subscribes, without component or container.

mod client;
mod delivery;
mod handle;
mod messages;
mod publish_span;
mod requests;
mod subscription;

pub use client::MqttClient;
pub use delivery::Delivery;
pub use messages::MqttMessages;
pub use subscription::MqttSubscription;
