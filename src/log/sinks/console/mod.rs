//! The console logger: records as text or JSON lines, on stderr or stdout; and the console itself, which keeps nobody
//! waiting.

mod format;
mod json;
mod logger;
mod output;
mod process;
mod stream;
mod text;

pub use format::Format;
pub use logger::{ConsoleConfig, ConsoleLogger};
pub use output::{Colour, Output};
pub use process::Console;

pub(in crate::log) use logger::fallback;
