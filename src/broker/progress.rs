//! Whether a client takes what it is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a client has still to take, and since when it has taken nothing.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether its socket takes no bytes.
    blocked: bool,
    /// Messages that it has not acknowledged.
    unacknowledged: usize,
    since: Option<Instant>,
}

impl Progress {
    /// Bytes wait for the socket.
    pub fn blocked(&self) {
        let mut state = self.lock();
        state.blocked = true;
        state.since.get_or_insert_with(Instant::now);
    }

    /// The socket has taken bytes.
    pub fn written(&self) {
        let mut state = self.lock();
        state.blocked = false;
        state.moved();
    }

    /// A message has been sent that is to be acknowledged.
    pub fn sent(&self) {
        let mut state = self.lock();
        state.unacknowledged += 1;
        state.since.get_or_insert_with(Instant::now);
    }

    /// A message has been acknowledged.
    pub fn acknowledged(&self) {
        let mut state = self.lock();
        state.unacknowledged = state.unacknowledged.saturating_sub(1);
        state.since = (state.blocked || state.unacknowledged > 0).then(Instant::now);
    }

    /// Whether the client has had something to take, and has taken nothing of it for so long.
    pub fn stalled(&self, time: Duration) -> bool {
        self.idle().is_some_and(|idle| idle >= time)
    }

    /// How long the client has had something to take, and has taken nothing of it.
    pub fn idle(&self) -> Option<Duration> {
        self.lock().since.map(|since| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn moved(&mut self) {
        if self.unacknowledged == 0 {
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_stalls_when_it_reads_or_acknowledges_nothing() {
        let (progress, second) = (Progress::default(), Duration::from_secs(1));
        tokio::time::advance(second).await;
        assert!(!progress.stalled(second), "there is nothing to take");
        progress.blocked();
        tokio::time::advance(second).await;
        assert!(progress.stalled(second));
        progress.written();
        assert!(!progress.stalled(Duration::ZERO));
        progress.sent();
        progress.sent();
        tokio::time::advance(second).await;
        assert!(progress.stalled(second));
        progress.acknowledged();
        assert!(!progress.stalled(second));
        tokio::time::advance(second).await;
        assert!(progress.stalled(second), "one is left");
        progress.acknowledged();
        assert!(!progress.stalled(Duration::ZERO));
    }
}
