//! What changes in a service, as a stream.

use std::sync::Arc;

use tokio::sync::watch;

use super::state::Change;
use super::states::ServiceStates;

/// The changes in a service from the moment when it was asked for; see [`ServiceView::changes`](super::ServiceView::changes).
///
/// The last 1,024 changes are kept for those that read. Who is slower than that is told how many were missed.
pub struct Changes {
    states: Arc<ServiceStates>,
    revisions: watch::Receiver<u64>,
    next: u64,
}

crate::opaque::opaque!(Changes);

impl Changes {
    pub(super) fn new(states: Arc<ServiceStates>) -> Self {
        let revisions = states.revisions();
        let next = states.count();
        Self { states, revisions, next }
    }

    /// Waits for the next change; nothing once the service has closed and all changes were read.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.states.change(&mut self.next) {
                return Some(change);
            }
            if self.states.is_closed() {
                // What came between the two looks.
                return self.states.change(&mut self.next);
            }
            // The sender lives in the states, which are held here.
            let _ = self.revisions.changed().await;
        }
    }
}
