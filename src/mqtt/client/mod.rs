//! The live connection: a cheap handle that publishes and subscribes, without component or container.

mod client;
mod delivery;
mod messages;
mod publishing;
mod requests;
mod subscription;

pub use client::MqttClient;
pub(super) use client::denial;
pub use delivery::Delivery;
pub use messages::MqttMessages;
pub use subscription::MqttSubscription;
