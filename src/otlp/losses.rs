//! What was lost, for the log: a line now and then, however often something is lost.

use std::time::Duration;

use tokio::time::Instant;

use super::signal::Signal;
use crate::log::Logger;

/// How long after one line the next may come.
const PAUSE: Duration = Duration::from_secs(10);

/// Records of one signal that were lost and have not been told of yet.
pub(super) struct Losses {
    signal: Signal,
    logger: Logger,
    records: usize,
    /// Why the last of them were.
    reason: String,
    told: Option<Instant>,
}

impl Losses {
    pub fn new(signal: Signal, logger: Logger) -> Self {
        Self { signal, logger, records: 0, reason: String::new(), told: None }
    }

    /// Adds some, and tells of all where it is time for that.
    pub fn add(&mut self, records: usize, reason: impl Into<String>) {
        if records > 0 {
            self.records += records;
            self.reason = reason.into();
        }
        if self.told.is_none_or(|told| told.elapsed() >= PAUSE) {
            self.tell();
        }
    }

    /// Tells of all.
    pub fn tell(&mut self) {
        let records = std::mem::take(&mut self.records);
        if records > 0 {
            self.told = Some(Instant::now());
            let what = self.signal.records();
            self.logger.warn(format_args!("{records} {what} were lost; the last because {}", self.reason));
        }
    }
}
