//! The queue before one listener, and the task that empties it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::listeners::Context;
use super::{Receipt, SharedListener};
use crate::Error;
use crate::component::panic_error;
use crate::footprint;
use crate::mqtt::acknowledgement::Offered;
use crate::mqtt::{MqttAcknowledgement, MqttMessage, QoS};
use crate::text::clip;

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

/// What a place in a mailbox costs.
pub(super) const PLACE: usize = footprint::place::<Item>();

/// An empty queue that has room for more gives it back.
const KEPT: usize = 256;

struct Item {
    message: MqttMessage,
    hold: Hold,
}

/// How a listener holds a message until it has handled it.
pub(super) enum Hold {
    /// Let go of in any way, it counts as handled.
    Plain(Arc<Receipt>),
    /// Only what was finished well counts.
    Manual(MqttAcknowledgement),
}

impl Hold {
    pub fn new(receipt: &Arc<Receipt>, manual: bool) -> Self {
        let receipt = Arc::clone(receipt);
        if manual && receipt.is_owed() {
            Self::Manual(MqttAcknowledgement::new(receipt))
        } else {
            Self::Plain(receipt)
        }
    }
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
    pub fn new(capacity: usize) -> Self {
        let (state, ready) = (Mutex::default(), Notify::new());
        Self { state, ready, capacity, warned: AtomicBool::new(false) }
    }

    pub fn put(&self, message: MqttMessage, hold: Hold) -> Put {
        let mut state = self.state();
        let full = state.queue.len() >= self.capacity;
        if state.closed || (full && message.qos == QoS::AtMostOnce) {
            return Put::Dropped;
        }
        state.queue.push_back(Item { message, hold });
        let first = state.queue.len() == 1;
        drop(state);
        if first {
            self.ready.notify_one();
        }
        if full && !self.warned.swap(true, Ordering::Relaxed) { Put::Behind } else { Put::Queued }
    }

    /// No more messages. Those that wait and are acknowledged by hand still go to the listener: only it knows whether
    /// they may be. The others are returned.
    pub fn close(&self) -> Vec<(MqttMessage, Arc<Receipt>)> {
        let mut state = self.state();
        state.closed = true;
        let mut plain = Vec::new();
        for Item { message, hold } in std::mem::take(&mut state.queue) {
            match hold {
                Hold::Plain(receipt) => plain.push((message, receipt)),
                hold @ Hold::Manual(_) => state.queue.push_back(Item { message, hold }),
            }
        }
        drop(state);
        self.ready.notify_one();
        plain
    }

    async fn next(&self) -> Option<Item> {
        loop {
            {
                let mut state = self.state();
                if let Some(item) = state.queue.pop_front() {
                    if state.queue.is_empty() {
                        if state.queue.capacity() > KEPT {
                            state.queue = VecDeque::new();
                        }
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
    while let Some(Item { mut message, hold }) = mailbox.next().await {
        let (offered, receipt) = match hold {
            Hold::Plain(receipt) => {
                receipt.handle();
                (Offered::default(), Some(receipt))
            }
            Hold::Manual(acknowledgement) => (Offered::new(acknowledgement), None),
        };
        message.offered = offered.clone();
        let topic = Arc::clone(&message.topic);
        let listener = &listener;
        let handled =
            AssertUnwindSafe(async move { listener.on_message(message).await }).catch_unwind().await;
        // Taken back, where the listener has not taken it.
        let acknowledgement = offered.take();
        match handled {
            Ok(Ok(())) => {
                if let Some(acknowledgement) = acknowledgement {
                    acknowledgement.acknowledge();
                }
            }
            Ok(Err(error)) => failed(&context, &topic, &error),
            Err(panic) => failed(&context, &topic, &panic_error("the listener", &*panic)),
        }
        drop(receipt);
    }
}

fn failed(context: &Context, topic: &str, error: &Error) {
    context.metrics.listener_failed.one();
    context.logger.error(Some(error), format_args!("a listener failed on a message from `{}`", clip(topic)));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Held;
    use super::*;
    use crate::mqtt::driver::Inbox;
    use crate::mqtt::session::{Arrival, Incoming};

    fn message(qos: QoS) -> MqttMessage {
        MqttMessage { qos, ..MqttMessage::new("t", Bytes::new()) }
    }

    #[tokio::test]
    async fn qos_0_is_dropped_when_full_and_qos_1_is_kept() {
        let held = Held::new(Inbox::new());
        let mailbox = Mailbox::new(1);
        let put = |qos| mailbox.put(message(qos), Hold::new(&held.take(0, None), false));
        assert_eq!(put(QoS::AtMostOnce), Put::Queued);
        assert_eq!(put(QoS::AtMostOnce), Put::Dropped);
        assert_eq!(put(QoS::AtLeastOnce), Put::Behind);
        assert_eq!(put(QoS::AtLeastOnce), Put::Queued, "said once");
        assert_eq!(held.messages(), 3);
        assert!(mailbox.next().await.is_some());
        assert_eq!(mailbox.close().len(), 2);
        assert_eq!(held.messages(), 0);
        assert!(mailbox.next().await.is_none());
    }

    #[tokio::test]
    async fn what_came_before_the_end_and_is_acknowledged_by_hand_still_goes_to_the_listener() {
        let (held, mailbox) = (Held::new(Inbox::new()), Mailbox::new(1));
        let Arrival::New(token) = Incoming::default().arrive(1, QoS::AtLeastOnce, false) else { panic!() };
        for manual in [true, false] {
            mailbox.put(message(QoS::AtLeastOnce), Hold::new(&held.take(0, Some(token)), manual));
        }
        assert_eq!(mailbox.close().len(), 1);
        assert!(matches!(mailbox.next().await, Some(Item { hold: Hold::Manual(_), .. })));
        assert!(mailbox.next().await.is_none());
    }
}
