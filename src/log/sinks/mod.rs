//! The sinks that are components, and the logger as a reference to them.

mod console;
mod null;
mod slot;

pub(super) use console::fallback;
pub use console::{Colour, Console, ConsoleConfig, ConsoleLogger, Format, Output};
pub use null::NullLogger;
