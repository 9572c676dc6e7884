//! The queue before one listener, and the task that empties it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::message_span::process_span;
use crate::Error;
use crate::component::panic_error;
use crate::footprint;
use crate::log::Logger;
use crate::mqtt::delivery::DeliveryGuard;
use crate::mqtt::types::AckSlot;
use crate::mqtt::types::Metrics;
use crate::mqtt::{MqttAcknowledgement, MqttMessage, MqttMessageListener, QoS};
use crate::text::clip;
use crate::trace::{OpenSpan, Tracer};

/// A listener as the connection stores it; two are the same when they are one allocation.
pub(crate) type SharedListener = Arc<dyn MqttMessageListener>;

/// What the tasks of listeners need.
#[derive(Clone)]
pub(crate) struct ListenerContext {
    pub logger: Logger,
    pub metrics: Arc<Metrics>,
    pub tracer: Tracer,
    /// How many messages of QoS 0 may wait for a listener.
    pub capacity: usize,
}

/// Messages that wait for one listener.
///
/// Of QoS 0 it takes as many as its capacity. Messages of QoS 1 and 2 are always taken: their acknowledgements are withheld
/// until they are handled, so that the broker stops at its own limit, and `options.max_incoming_bytes` bounds all of them.
pub(super) struct Mailbox {
    state: Mutex<State>,
    ready: Notify,
    capacity: usize,
    /// Whether it is full and a warning has been logged.
    warned: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    closed: bool,
}

/// The largest capacity that an empty queue keeps.
const MAX_IDLE_CAPACITY: usize = 256;

struct Item {
    message: MqttMessage,
    acknowledge: Acknowledge,
}

/// When a message counts as handled by a listener, so that it may be acknowledged.
pub(super) enum Acknowledge {
    /// When the receipt is dropped, in whatever way.
    OnDrop(Arc<DeliveryGuard>),
    /// When the listener has finished the message well.
    Manually(MqttAcknowledgement),
}

impl Acknowledge {
    pub fn new(receipt: &Arc<DeliveryGuard>, manual: bool) -> Self {
        let receipt = Arc::clone(receipt);
        if manual && receipt.needs_acknowledgement() {
            Self::Manually(MqttAcknowledgement::new(receipt))
        } else {
            Self::OnDrop(receipt)
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
    /// What an entry of a mailbox costs, in bytes.
    pub const ENTRY_BYTES: usize = footprint::place::<Item>();

    pub fn new(capacity: usize) -> Self {
        let (state, ready) = (Mutex::default(), Notify::new());
        Self { state, ready, capacity, warned: AtomicBool::new(false) }
    }

    pub fn put(&self, message: MqttMessage, acknowledge: Acknowledge) -> Put {
        let mut state = self.state();
        let full = state.queue.len() >= self.capacity;
        if state.closed || (full && message.qos == QoS::AtMostOnce) {
            return Put::Dropped;
        }
        state.queue.push_back(Item { message, acknowledge });
        let first = state.queue.len() == 1;
        drop(state);
        if first {
            self.ready.notify_one();
        }
        if full && !self.warned.swap(true, Ordering::Relaxed) { Put::Behind } else { Put::Queued }
    }

    /// Takes no more messages. Those that are acknowledged manually still go to the listener, which alone knows whether they may
    /// be. The others are returned.
    pub fn close(&self) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        let mut state = self.state();
        state.closed = true;
        let mut automatic = Vec::new();
        for Item { message, acknowledge } in std::mem::take(&mut state.queue) {
            match acknowledge {
                Acknowledge::OnDrop(receipt) => automatic.push((message, receipt)),
                acknowledge @ Acknowledge::Manually(_) => {
                    state.queue.push_back(Item { message, acknowledge });
                }
            }
        }
        drop(state);
        self.ready.notify_one();
        automatic
    }

    async fn next(&self) -> Option<Item> {
        loop {
            {
                let mut state = self.state();
                if let Some(item) = state.queue.pop_front() {
                    if state.queue.is_empty() {
                        if state.queue.capacity() > MAX_IDLE_CAPACITY {
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

    /// Hands one message after the other to the listener until the mailbox closes.
    pub async fn serve(self: Arc<Self>, listener: SharedListener, context: ListenerContext) {
        while let Some(Item { mut message, acknowledge }) = self.next().await {
            let (ack_slot, receipt) = match acknowledge {
                Acknowledge::OnDrop(receipt) => {
                    receipt.handle();
                    (AckSlot::default(), Some(receipt))
                }
                Acknowledge::Manually(acknowledgement) => (AckSlot::new(acknowledgement), None),
            };
            message.ack_slot = ack_slot.clone();
            let topic = Arc::clone(&message.topic);
            let listener = &listener;
            let span = process_span(&context.tracer, &**listener, &mut message);
            let handled =
                AssertUnwindSafe(async move { listener.on_message(message).await }).catch_unwind().await;
            // Still here, unless the listener has taken it.
            let acknowledgement = ack_slot.take();
            match handled {
                Ok(Ok(())) => {
                    if let Some(acknowledgement) = acknowledgement {
                        acknowledgement.acknowledge();
                    }
                    span.end(None);
                }
                Ok(Err(error)) => failed(&context, &topic, span, &error),
                Err(panic) => failed(&context, &topic, span, &panic_error("the listener", &*panic)),
            }
            drop(receipt);
        }
    }
}

fn failed(context: &ListenerContext, topic: &str, span: OpenSpan, error: &Error) {
    context.metrics.listener_failed.one();
    let logger = match span.context() {
        Some(trace) => &context.logger.with_span(trace.trace_id(), &trace.span_id()),
        None => &context.logger,
    };
    logger.error(Some(error), format_args!("a listener failed on a message from `{}`", clip(topic)));
    span.end(Some(error));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mqtt::delivery::InDelivery;
    use crate::mqtt::session::{Arrival, Incoming};

    fn message(qos: QoS) -> MqttMessage {
        MqttMessage { qos, ..MqttMessage::new("t", Bytes::new()) }
    }

    #[tokio::test]
    async fn qos_0_is_dropped_when_full_and_qos_1_is_kept() {
        let in_delivery = InDelivery::unacknowledged();
        let mailbox = Mailbox::new(1);
        let put = |qos| mailbox.put(message(qos), Acknowledge::new(&in_delivery.admit(0, None), false));
        assert_eq!(put(QoS::AtMostOnce), Put::Queued);
        assert_eq!(put(QoS::AtMostOnce), Put::Dropped);
        assert_eq!(put(QoS::AtLeastOnce), Put::Behind);
        assert_eq!(put(QoS::AtLeastOnce), Put::Queued, "said once");
        assert_eq!(in_delivery.messages(), 3);
        assert!(mailbox.next().await.is_some());
        assert_eq!(mailbox.close().len(), 2);
        assert_eq!(in_delivery.messages(), 0);
        assert!(mailbox.next().await.is_none());
    }

    #[tokio::test]
    async fn what_came_before_the_end_and_is_acknowledged_by_hand_still_goes_to_the_listener() {
        let (in_delivery, mailbox) = (InDelivery::unacknowledged(), Mailbox::new(1));
        let Arrival::New(token) = Incoming::default().arrive(1, QoS::AtLeastOnce, false) else { panic!() };
        for manual in [true, false] {
            mailbox
                .put(message(QoS::AtLeastOnce), Acknowledge::new(&in_delivery.admit(0, Some(token)), manual));
        }
        assert_eq!(mailbox.close().len(), 1);
        assert!(matches!(mailbox.next().await, Some(Item { acknowledge: Acknowledge::Manually(_), .. })));
        assert!(mailbox.next().await.is_none());
    }
}
