//! The embedded MQTT broker, as a component: for examples, tests and services that bring their own broker.
//!
//! It is `mqtt5`'s broker, which speaks MQTT 3.1.1 and 5 on one port, keeps everything in memory and forgets it when
//! it closes. It adds a user property `x-mqtt-client-id` to messages, and sends one copy of a message for each
//! subscription of a client that matches.

mod admission;
mod component;
mod config;
mod error;

pub use component::{Broker, BrokerReferences};
pub use config::BrokerConfig;
pub use error::BrokerError;
