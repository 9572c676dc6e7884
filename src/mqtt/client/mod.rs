//! The live connection: a cheap handle that publishes and subscribes, without component or container.

mod delivery;
mod handle;
mod messages;
mod publishing;
mod requests;
mod subscription;

pub use delivery::Delivery;
pub use handle::MqttClient;
pub(super) use handle::denial;
pub use messages::MqttMessages;
pub use subscription::MqttSubscription;
