//! MQTT: a connection that loses nothing, on rumqttc's packet codecs and a driver of our own.

mod acknowledgement;
mod builder;
mod check;
mod client;
mod component;
mod config;
mod connection;
mod driver;
mod error;
mod identity;
mod listener;
mod login;
mod lost;
mod message;
mod metrics;
mod options;
mod properties;
mod protocol;
mod qos;
mod queue;
mod redirects;
mod resolver;
mod session;
mod status;
mod subscriptions;
pub mod topic;
mod transport;
mod version;
mod will;

pub use acknowledgement::MqttAcknowledgement;
pub use builder::MqttConnectionBuilder;
pub use client::{Delivery, MqttClient, MqttMessages, MqttSubscription};
pub use component::MqttReferences;
pub use config::{MqttConfig, MqttOptions};
pub use connection::MqttConnection;
#[cfg(fuzzing)]
pub use driver::fuzz;
pub use driver::{LinkState, Remaining};
pub use error::MqttError;
pub use listener::MqttMessageListener;
pub use login::LoginError;
pub use lost::Lost;
pub use message::MqttMessage;
pub use options::{PublishOptions, RetainHandling, SubscribeOptions};
pub use properties::{MessageProperties, ReceivedProperties};
pub use qos::QoS;
pub use queue::{
    MqttMessageQueue, MqttMessageQueueFactory, MqttQueueConfig, MqttQueueFactoryConfig, MqttQueueOptions,
};
pub use redirects::Redirects;
pub use resolver::MqttConnectionResolver;
pub use transport::{TlsConfig, TlsError, TlsFailure, TlsPem, TlsPlace};
pub use version::MqttVersion;
pub use will::{MqttWill, WillConfig};
