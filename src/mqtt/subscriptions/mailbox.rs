//! The queue before one listener, and the task that empties it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::listeners::Context;
use super::{Receipt, SharedListener};
use crate::component::panic_error;
use crate::mqtt::{MqttMessage, QoS};

/// Messages that wait for one listener.
///
/// Of QoS 0 it keeps as many as its capacity. Messages of QoS 1 and 2 are always taken: their acknowledgements are
/// withheld until they are handled, so the broker stops at its own limit, and `options.max_incoming_bytes` holds for all.
pub(super) struct Mailbox {
    state: Mutex<State>,
    ready: Notify,
    capacity: usize,
    /// Whether it is full now and that has been said.
    warned: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    closed: bool,
}

struct Item {
    message: MqttMessage,
    receipt: Arc<Receipt>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Queued,
    /// Queued although the listener is far behind, for the first time since it last caught up.
    Behind,
    /// QoS 0, and no room.
    Dropped,
}

impl Mailbox {
    pub(super) fn new(capacity: usize) -> Self {
        let (state, ready) = (Mutex::default(), Notify::new());
        Self { state, ready, capacity, warned: AtomicBool::new(false) }
    }

    pub(super) fn put(&self, message: MqttMessage, receipt: Arc<Receipt>) -> Put {
        let mut state = self.state();
        let full = state.queue.len() >= self.capacity;
        if state.closed || (full && message.qos == QoS::AtMostOnce) {
            return Put::Dropped;
        }
        state.queue.push_back(Item { message, receipt });
        let first = state.queue.len() == 1;
        drop(state);
        if first {
            self.ready.notify_one();
        }
        if full && !self.warned.swap(true, Ordering::Relaxed) { Put::Behind } else { Put::Queued }
    }

    /// No more messages; those that wait are let go.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let rest = std::mem::take(&mut state.queue);
        drop(state);
        drop(rest);
        self.ready.notify_one();
    }

    async fn next(&self) -> Option<Item> {
        loop {
            {
                let mut state = self.state();
                if let Some(item) = state.queue.pop_front() {
                    if state.queue.is_empty() {
                        self.warned.store(false, Ordering::Relaxed);
                    }
                    return Some(item);
                }
                if state.closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands one message after the other to the listener until the mailbox closes.
pub(super) async fn serve(mailbox: Arc<Mailbox>, listener: SharedListener, context: Context) {
    while let Some(Item { message, receipt }) = mailbox.next().await {
        let topic = Arc::clone(&message.topic);
        let listener = &listener;
        let handled =
            AssertUnwindSafe(async move { listener.on_message(message).await }).catch_unwind().await;
        let error = match handled {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => Some(panic_error("the listener", &*panic)),
        };
        if let Some(error) = error {
            context.metrics.listener_failed.one();
            context.logger.error(Some(&error), format_args!("a listener failed on a message from `{topic}`"));
        }
        drop(receipt);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Held;
    use super::*;
    use crate::mqtt::driver::Intake;

    fn message(qos: QoS) -> MqttMessage {
        MqttMessage { topic: "t".into(), payload: Bytes::new(), qos, retain: false, dup: false }
    }

    #[tokio::test]
    async fn qos_0_is_dropped_when_full_and_qos_1_is_kept() {
        let held = Held::new(Intake::new());
        let mailbox = Mailbox::new(1);
        let put = |qos| mailbox.put(message(qos), held.take(0, None));
        assert_eq!(put(QoS::AtMostOnce), Put::Queued);
        assert_eq!(put(QoS::AtMostOnce), Put::Dropped);
        assert_eq!(put(QoS::AtLeastOnce), Put::Behind);
        assert_eq!(put(QoS::AtLeastOnce), Put::Queued, "said once");
        assert_eq!(held.messages(), 3);
        assert!(mailbox.next().await.is_some());
        mailbox.close();
        assert_eq!(held.messages(), 0);
        assert!(mailbox.next().await.is_none());
    }
}
