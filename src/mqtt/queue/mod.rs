//! Message queues over MQTT: a topic is a queue, and what is not completed is not acknowledged.

mod codec;
mod component;
mod config;
mod factory;
mod factory_config;
mod graveyard;
mod hold;
mod inbox;
mod leaving;
mod local;
mod options;
mod standing;
mod subscribing;
mod target;
mod transport;
mod unfit;

pub use component::MqttMessageQueue;
pub use config::MqttQueueConfig;
pub use factory::MqttMessageQueueFactory;
pub use factory_config::MqttQueueFactoryConfig;
pub use options::MqttQueueOptions;
