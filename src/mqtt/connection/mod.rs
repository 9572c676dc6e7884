//! The component, its builder and its status: what users open, around the client.

mod arguments;
mod builder;
mod component;
mod connection;
mod environment;
mod left;
mod standalone;
mod status;

pub use builder::MqttConnectionBuilder;
pub use component::MqttReferences;
pub use connection::MqttConnection;
pub(crate) use environment::Environment;
