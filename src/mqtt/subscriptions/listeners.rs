//! The listeners of a connection, each with a mailbox and a task of its own.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::mailbox::{Acknowledge, ListenerContext, Mailbox, Put, SharedListener};
use super::subscription::Entry;
use crate::mqtt::delivery::DeliveryGuard;
use crate::mqtt::{MqttMessage, QoS};
use crate::text::clip;

/// All listeners, by index. One with several subscriptions is one listener here, so that it gets a message once.
pub(super) struct Listeners {
    list: Vec<Option<Listener>>,
    /// The index of a listener by its address.
    indices: HashMap<usize, usize, RandomState>,
    /// Indices in the list without a listener.
    free: Vec<usize>,
    tasks: JoinSet<()>,
    /// The number of the current message, which tells whether a listener is already among its recipients.
    round: u64,
    /// The recipients of the current message.
    recipients: Vec<Recipient>,
    context: ListenerContext,
}

/// A listener that gets the current message.
struct Recipient {
    listener: usize,
    qos: QoS,
    manual: bool,
}

struct Listener {
    listener: SharedListener,
    mailbox: Arc<Mailbox>,
    subscriptions: usize,
    /// The round in which it was chosen last, and its position among the recipients.
    chosen: (u64, usize),
}

impl Listeners {
    pub fn new(context: ListenerContext) -> Self {
        Self {
            list: Vec::new(),
            indices: HashMap::default(),
            free: Vec::new(),
            tasks: JoinSet::new(),
            round: 0,
            recipients: Vec::new(),
            context,
        }
    }

    /// Counts one more subscription of the listener; its first starts its task.
    pub fn acquire(&mut self, listener: &SharedListener) -> usize {
        if let Some(index) = self.find(listener) {
            if let Some(Some(one)) = self.list.get_mut(index) {
                one.subscriptions += 1;
            }
            return index;
        }
        while self.tasks.try_join_next().is_some() {}
        let mailbox = Arc::new(Mailbox::new(self.context.capacity));
        let task = Arc::clone(&mailbox).serve(Arc::clone(listener), self.context.clone());
        self.tasks.spawn(task.in_current_span());
        let one = Listener { listener: Arc::clone(listener), mailbox, subscriptions: 1, chosen: (0, 0) };
        let index = self.free.pop().unwrap_or(self.list.len());
        self.indices.insert(address(listener), index);
        match self.list.get_mut(index) {
            Some(free) => *free = Some(one),
            None => self.list.push(Some(one)),
        }
        index
    }

    /// Counts one subscription less. After the last one the task of the listener ends, and the messages that waited for it are
    /// returned.
    pub fn release(&mut self, index: usize) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        let Some(slot) = self.list.get_mut(index) else { return Vec::new() };
        let Some(one) = slot else { return Vec::new() };
        one.subscriptions -= 1;
        if one.subscriptions > 0 {
            return Vec::new();
        }
        let undelivered = one.mailbox.close();
        self.indices.remove(&address(&one.listener));
        self.free.push(index);
        *slot = None;
        undelivered
    }

    pub fn find(&self, listener: &SharedListener) -> Option<usize> {
        self.indices.get(&address(listener)).copied()
    }

    /// How many subscriptions a listener has.
    pub fn subscriptions(&self, index: usize) -> usize {
        self.list.get(index).and_then(Option::as_ref).map_or(0, |one| one.subscriptions)
    }

    /// Begins to choose the recipients of the next message.
    pub fn begin(&mut self) {
        self.round += 1;
        self.recipients.clear();
    }

    /// Chooses the listener of a subscription.
    pub fn choose(&mut self, entry: &Entry) {
        let Entry { listener, qos, manual, .. } = *entry;
        let Some(Some(one)) = self.list.get_mut(listener) else { return };
        if one.chosen.0 == self.round {
            if let Some(recipient) = self.recipients.get_mut(one.chosen.1) {
                recipient.qos = qos.max(recipient.qos);
                recipient.manual |= manual;
            }
            return;
        }
        one.chosen = (self.round, self.recipients.len());
        self.recipients.push(Recipient { listener, qos, manual });
    }

    /// Delivers the message to those chosen; returns how many there are.
    pub fn deliver(&mut self, message: MqttMessage, receipt: &Arc<DeliveryGuard>) -> usize {
        receipt.add_bytes(self.recipients.len() * Mailbox::ENTRY_BYTES);
        let (topic, highest) = (Arc::clone(&message.topic), message.qos);
        // The last one gets the message itself.
        let copies = std::iter::repeat_n(message, self.recipients.len());
        for (Recipient { listener, qos, manual }, message) in self.recipients.iter().zip(copies) {
            let Some(Some(one)) = self.list.get(*listener) else { continue };
            let qos = highest.min(*qos);
            match one.mailbox.put(MqttMessage { qos, ..message }, Acknowledge::new(receipt, *manual)) {
                Put::Queued => {}
                Put::Dropped => self.context.metrics.dropped.one(),
                Put::Behind => {
                    self.context.metrics.behind.one();
                    self.context.logger.warn(format_args!(
                        "a listener of `{}` is {} messages behind; acknowledgements wait for it",
                        clip(&topic),
                        self.context.capacity
                    ));
                }
            }
        }
        self.recipients.len()
    }

    /// Ends all tasks: those that wait end by themselves, those that handle a message are aborted.
    pub async fn end(&mut self) {
        for one in self.list.drain(..).flatten() {
            drop(one.mailbox.close());
        }
        self.indices.clear();
        self.free.clear();
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The identity of a listener: no two that are alive have one address, as each lies in an allocation of its own.
fn address(listener: &SharedListener) -> usize {
    Arc::as_ptr(listener).cast::<()>().addr()
}
