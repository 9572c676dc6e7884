//! The MQTT connection against a broker that follows a script.

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod common;
mod opening;
mod publishing;
mod receiving;
mod reconnecting;
mod subscribing;
