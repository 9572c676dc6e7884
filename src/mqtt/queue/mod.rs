//! Message queues over MQTT: a topic is a queue, and what is not completed is not acknowledged.

mod ack;
mod codec;
mod component;
mod config;
mod dead_letters;
mod factory;
mod flows;
mod listener;
mod message_queue;
mod options;
mod subscription;
mod target;
mod teardown;
mod transport;

pub use config::MqttQueueConfig;
pub use factory::{MqttMessageQueueFactory, MqttQueueFactoryConfig};
pub use message_queue::MqttMessageQueue;
pub use options::MqttQueueOptions;
