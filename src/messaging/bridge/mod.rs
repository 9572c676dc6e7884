//! A bridge: from one queue to another.

mod component;
mod forward;
mod pattern;

pub use component::{Bridge, BridgeConfig, Unmatched};
