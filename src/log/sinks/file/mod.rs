//! The file logger: records as lines in a file that is rotated.

mod config;
mod error;
mod log_file;
mod logger;

pub use config::{FileLoggerConfig, FileLoggerOptions};
pub use error::{FileLoggerError, FileObstacle};
pub use logger::FileLogger;
