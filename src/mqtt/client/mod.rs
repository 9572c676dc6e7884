//! The live connection: a cheap handle that publishes and subscribes, without component or container.

mod client;
mod handle;
mod messages;
mod publishing;
mod requests;
mod subscription;

pub use client::MqttClient;
pub use messages::MqttMessages;
pub use publishing::Delivery;
pub use subscription::MqttSubscription;
