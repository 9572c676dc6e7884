//! MQTT: a connection that loses nothing, on rumqttc's packet codecs and a driver of our own.

mod check;
mod client;
#[macro_use]
mod config;
mod connection;
mod delivery;
mod driver;
mod properties;
mod protocol;
mod queue;
mod session;
mod subscriptions;
pub mod topic;
mod transport;
mod types;

pub use crate::tls::{TlsConfig, TlsError, TlsFailure, TlsPem, TlsPlace};
pub use client::{Delivery, MqttClient, MqttMessages, MqttSubscription};
pub use config::{LoginError, MqttConfig, MqttConnectionResolver, MqttOptions, Redirects};
pub use connection::{MqttConnection, MqttConnectionBuilder, MqttReferences};
#[cfg(fuzzing)]
pub use driver::fuzz;
pub use driver::{LinkState, Remaining};
pub use properties::{MessageProperties, ReceivedProperties};
pub use queue::{
    MqttMessageQueue, MqttMessageQueueFactory, MqttQueueConfig, MqttQueueFactoryConfig, MqttQueueOptions,
};
pub use types::{
    LinkError, MqttAcknowledgement, MqttError, MqttMessage, MqttMessageListener, MqttVersion, MqttWill,
    PublishOptions, QoS, RetainHandling, SubscribeOptions, WillConfig,
};
