//! A bridge: from one queue to another.

mod component;
mod config;
mod forward;

pub use component::Bridge;
pub use config::{BridgeConfig, Unmatched};
