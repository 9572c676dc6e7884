//! The sinks that are components, and the logger as a reference to them.

mod console;
mod file;
mod lines;
mod null;
mod slot;

pub(super) use console::fallback;
pub use console::{Colour, Console, ConsoleConfig, ConsoleLogger, Output};
pub use file::{FileLogger, FileLoggerConfig, FileLoggerError, FileLoggerOptions, FileObstacle};
pub use lines::Format;
pub use null::NullLogger;
