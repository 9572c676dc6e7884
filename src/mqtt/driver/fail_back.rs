//! Leaving a link that works for a better one, with nothing on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Settings;
use super::drive::{Drive, End};
use crate::connect::Endpoint;
use crate::mqtt::Lost;
use crate::mqtt::protocol::{AckKind, Protocol};
use crate::mqtt::transport::{Transport, dial};

/// How long a renewal waits for those who handle messages.
const MOMENT: Duration = Duration::from_millis(250);

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// Sends nothing new, waits until everything sent is acknowledged and everything received is handled, and says good-bye. What
    /// is accepted meanwhile waits for the next link. When that takes longer than `limit`, the link goes on: `None`. A
    /// connection that is told to close meanwhile closes here.
    pub(super) async fn leave(&mut self, limit: Duration) -> Option<End> {
        let held = Arc::clone(&self.core.held);
        self.leaving = true;
        held.watch(true);
        let end = timeout(limit, std::future::poll_fn(|cx| self.poll(cx))).await;
        held.watch(self.core.closing);
        // Told to close meanwhile, it has ended for good; after the good-bye, what still waits needs another link.
        let leaving = std::mem::replace(&mut self.leaving, false);
        match end {
            Ok(End::Closed) if leaving => Some(End::Left),
            Ok(end) => Some(end),
            // The broker has been told already.
            Err(_) if leaving && self.ended => Some(End::Left),
            Err(_) => None,
        }
    }

    /// The same for a new link to the same broker. Receivers may hold what came for long, and it comes again: they are waited
    /// for a moment, and what is on its way to the broker up to `limit`.
    pub(super) async fn renew(&mut self, limit: Duration) -> Option<End> {
        let mut end = self.leave(limit.min(MOMENT)).await;
        if end.is_none() {
            self.hasty = true;
            end = self.leave(limit).await;
            self.hasty = false;
        }
        end.map(|end| if matches!(end, End::Left) { End::Renewed } else { end })
    }

    /// What still has to be said before the end, and the end.
    pub(super) fn wind_up(&mut self, now: Instant) -> Result<(), Lost> {
        while let Some(id) = self.core.outgoing.next_release() {
            let code = self.core.outgoing.release_code(id);
            self.encode(P::ack(AckKind::Release, id, code))?;
        }
        // The next broker may have another session, and this one would keep them for ever.
        if self.core.owed_filters() > 0 {
            self.control(now)?;
        }
        let core = &self.core;
        let handled = self.hasty || core.held.messages() == 0;
        let answered = core.incoming.answers() == 0;
        let quiet = core.outgoing.is_quiet() && handled && answered && !core.registry.is_waiting();
        if quiet && self.unflushed.is_empty() {
            self.ended = true;
            self.encode(P::disconnect(false))?;
        }
        Ok(())
    }
}

/// How often the pause is doubled at most.
const DOUBLINGS: u32 = 5;

/// How long to wait before a broker is looked for that was found so many times in vain: each time takes something from a
/// link that works.
pub(super) fn pause(every: Duration, in_vain: u32) -> Duration {
    every.saturating_mul(2_u32.pow(in_vain.min(DOUBLINGS)))
}

/// Looks for a broker every so often; resolves when something listens there.
pub(super) async fn is_back(endpoint: &Endpoint, settings: &Settings, every: Duration, limit: Duration) {
    loop {
        sleep(every).await;
        // No CONNECT: a broker that is the same behind both addresses would end the link that works.
        let dialled = timeout(limit, dial(endpoint, &settings.tls)).await;
        if matches!(dialled, Ok(Ok(_))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (0..8).map(|in_vain| pause(second, in_vain).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(pause(Duration::MAX, 3), Duration::MAX);
    }
}
