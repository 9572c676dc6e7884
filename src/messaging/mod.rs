//! Messaging: what message queues and their connections have in common.

mod connection;

pub use connection::MessageQueueConnection;
