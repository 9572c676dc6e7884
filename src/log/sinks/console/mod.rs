//! The console logger: records as text or JSON lines, on stderr or stdout; and the console itself, which keeps nobody
//! waiting.

mod json;
mod logger;
mod output;
mod process;
mod stream;
mod text;

pub use logger::{ConsoleConfig, ConsoleLogger, Format};
pub use output::{Colour, Output};
pub use process::Console;

pub(in crate::log) use logger::fallback;

use crate::log::Record;

/// A record as a line with its end.
fn line(format: Format, record: &Record<'_>, source: &str, colour: bool) -> Vec<u8> {
    let mut line = String::with_capacity(256);
    match format {
        Format::Text => text::line(&mut line, record, source, colour),
        Format::Json => json::line(&mut line, record, source),
    }
    line.into_bytes()
}
