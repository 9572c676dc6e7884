//! The console logger: records as lines on stderr or stdout; and the console itself, which keeps nobody waiting.

mod logger;
mod output;
mod process;

pub use logger::{ConsoleConfig, ConsoleLogger};
pub use output::{Colour, Output};
pub use process::Console;

pub(in crate::log) use logger::fallback;
