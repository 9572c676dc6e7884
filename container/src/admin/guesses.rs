//! How fast somebody can guess the token.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::AdminError;

/// How long the first wrong token waits for its answer; each later one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How many wrong tokens may wait for their answer at a time. With that many, every token is refused unread, the right one too: else
/// many connections at once would get around the wait.
const MOST_WAITING: usize = 16;

/// After how long without a wrong token the wait is short again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// The wrong tokens of late.
#[derive(Default)]
pub(super) struct Guesses(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    /// How many there were since there was none for a long time.
    wrong: u32,
    last: Option<Instant>,
    /// When the waits end that have not ended yet.
    waits: Vec<Instant>,
}

impl Guesses {
    /// Whether a token may be looked at now.
    pub fn begin(&self) -> Result<(), AdminError> {
        let now = Instant::now();
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.waits.retain(|end| *end > now);
        if recent.waits.len() < MOST_WAITING { Ok(()) } else { Err(AdminError::TooManyGuesses) }
    }

    /// Notes a wrong token, and returns how long its answer waits.
    pub fn wrong(&self) -> Duration {
        let now = Instant::now();
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.last.is_some_and(|last| now - last > FORGOTTEN_AFTER) {
            recent.wrong = 0;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << recent.wrong.min(16)).min(LONGEST_WAIT);
        recent.wrong = recent.wrong.saturating_add(1);
        recent.last = Some(now);
        recent.waits.push(now + wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_grows_and_is_forgotten() {
        let guesses = Guesses::default();
        let waits: Vec<_> = (0..8).map(|_| guesses.wrong().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        advance(FORGOTTEN_AFTER + Duration::from_secs(1)).await;
        assert_eq!(guesses.wrong(), FIRST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_wait_gains_nothing() {
        let guesses = Guesses::default();
        for _ in 0..MOST_WAITING {
            assert!(guesses.begin().is_ok());
            guesses.wrong();
        }
        assert!(guesses.begin().is_err());
        advance(FIRST_WAIT).await;
        assert!(guesses.begin().is_ok());
    }
}
