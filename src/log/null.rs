//! The null logger.

use super::level::Level;
use super::record::Record;
use super::sink::LogSink;

/// Takes no records. With it as the only logger a service is silent, instead of writing to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullLogger;

impl LogSink for NullLogger {
    fn level(&self) -> Level {
        Level::None
    }
    fn log(&self, _: &Record<'_>) {}
}
