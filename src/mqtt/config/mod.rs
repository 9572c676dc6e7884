//! The configuration of a connection, and what is found by it: endpoints, credentials, redirects, a client id.

#[macro_use]
mod config;
mod identity;
mod login;
mod redirects;
mod resolver;

pub use config::{MqttConfig, MqttOptions};
pub(crate) use identity::ClientId;
pub use login::LoginError;
pub(crate) use login::check as check_login;
pub use redirects::Redirects;
pub(crate) use redirects::{Direction, Permitted};
pub use resolver::MqttConnectionResolver;
