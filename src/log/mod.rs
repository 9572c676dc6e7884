//! Logging: log records, their routing to sinks, and the stock loggers.
//!
//! Components log through `tracing` macros or through their [`Logger`], which emits the same events. One
//! [`Router`] a process takes every event, finds out which component it comes from (its [`Scope`]), and hands it as a
//! [`Record`] to the [`LogSink`]s to which that component is routed. A line that nobody wants costs an atomic load.

mod buffer;
mod counts;
mod current;
mod event_data;
mod hub;
mod layer;
mod level;
mod level_setting;
mod logger;
mod observer;
mod record;
mod router;
mod scope;
mod sink;
mod sink_entry;
mod sinks;
mod target_limits;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(any(feature = "broker", feature = "http"))]
mod throttle;
mod value;

pub use counts::record_counts;
pub use layer::RouterLayer;
pub use level::{Level, LevelError};
pub use level_setting::LevelSetting;
pub use logger::Logger;
pub use observer::LogObserver;
pub use record::Record;
pub use router::{BufferGuard, InstallError, Observation, Router};
pub use scope::Scope;
pub use sink::{LogSink, SinkId};
pub use sinks::{
    Colour, Console, ConsoleConfig, ConsoleLogger, FileLogger, FileLoggerConfig, FileLoggerError,
    FileLoggerOptions, FileObstacle, Format, NullLogger, Output,
};
#[cfg(any(feature = "broker", feature = "http"))]
pub(crate) use throttle::WarningThrottle;
pub use value::Value;
