//! The console logger: records as text or JSON lines, on stderr or stdout.

mod json;
mod logger;
mod output;
mod text;

pub use logger::{ConsoleConfig, ConsoleLogger, Format};
pub use output::{Colour, Output};

pub(super) use logger::fallback;
