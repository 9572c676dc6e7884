//! One line for many events: what a peer can cause as often as it likes is not logged as often.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::logger::Logger;

/// How long lines of a kind are suppressed after one has been written.
const PAUSE: Duration = Duration::from_secs(10);

/// The warnings of one kind: the first is written, those of the next ten seconds are counted, and the one after them says
/// how many there were.
#[derive(Default)]
pub(crate) struct WarningThrottle(Mutex<State>);

#[derive(Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl WarningThrottle {
    /// Warns, or counts.
    pub fn warn(&self, logger: &Logger, message: fmt::Arguments<'_>) {
        match self.note(Instant::now()) {
            Some(0) => logger.warn(message),
            Some(more) => logger.warn(format_args!("{message} (and {more} times since the last such line)")),
            None => {}
        }
    }

    /// How many were suppressed since the last line, where it is time for one.
    fn note(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_are_one_line_and_the_next_says_how_many_there_were() {
        let (throttle, start) = (WarningThrottle::default(), Instant::now());
        assert_eq!(throttle.note(start), Some(0));
        for _ in 0..1000 {
            assert_eq!(throttle.note(start + PAUSE / 2), None);
        }
        assert_eq!(throttle.note(start + PAUSE), Some(1000));
        assert_eq!(throttle.note(start + PAUSE + PAUSE), Some(0));
    }
}
