//! The embedded MQTT broker, as a component: for examples, tests and services that bring their own broker.
//!
//! It is `mqtt5`'s broker, which speaks MQTT 3.1.1 and 5 on one port, keeps everything in memory and forgets it when
//! it closes. It adds a user property `x-mqtt-client-id` to messages, and sends one copy of a message for each
//! subscription of a client that matches.
//!
//! The library serves clients that are handed to it one by one. The socket that listens, and each connection until its
//! CONNECT is whole, are ours; what a client sends is looked at before the library reads it, and the payload of each message is
//! replaced by one that is counted as long as the library holds it. So there is a limit for everything that a client can
//! make the broker keep.

mod accept;
mod access;
mod admission;
mod client_ids;
mod component;
mod config;
mod connect_request;
mod connection_state;
mod engine;
mod error;
mod filter_counts;
mod limits;
mod memory;
mod packet_parser;
mod progress;
mod retained;
mod rules;
mod session;
mod session_queue;
mod session_queues;
mod shared;
mod stream;
mod validate;
mod warnings;

pub use access::AccessConfig;
pub use component::{Broker, BrokerReferences};
pub use config::BrokerConfig;
pub use error::BrokerError;
