//! The listeners of a connection, each with a mailbox and a task of its own.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::Receipt;
use super::mailbox::{Hold, Mailbox, PLACE, Put, serve};
use crate::log::Logger;
use crate::mqtt::metrics::Metrics;
use crate::mqtt::{MqttMessage, MqttMessageListener, QoS};
use crate::text::clip;

/// A listener as the connection keeps it; two are the same when they are one allocation.
pub(crate) type SharedListener = Arc<dyn MqttMessageListener>;

/// What listeners' tasks need.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) logger: Logger,
    pub(crate) metrics: Arc<Metrics>,
    /// How many messages wait before a listener.
    pub(crate) capacity: usize,
}

/// All listeners, by number. One that is subscribed several times is one listener here, so that it gets a message once.
pub(super) struct Listeners {
    list: Vec<Option<One>>,
    /// By the address of the listener.
    places: HashMap<usize, usize, RandomState>,
    /// Places in the list without a listener.
    free: Vec<usize>,
    tasks: JoinSet<()>,
    /// Counts messages, to see whether a listener is already among those of the current one.
    round: u64,
    targets: Vec<Target>,
    context: Context,
}

/// One listener that gets the message at hand.
struct Target {
    listener: usize,
    qos: QoS,
    manual: bool,
}

struct One {
    listener: SharedListener,
    mailbox: Arc<Mailbox>,
    subscriptions: usize,
    /// The round in which it was chosen last, and where among the targets.
    chosen: (u64, usize),
}

impl Listeners {
    pub fn new(context: Context) -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::default(),
            free: Vec::new(),
            tasks: JoinSet::new(),
            round: 0,
            targets: Vec::new(),
            context,
        }
    }

    /// Counts one more subscription of the listener; its first starts its task.
    pub fn acquire(&mut self, listener: &SharedListener) -> usize {
        if let Some(index) = self.find(listener) {
            self.again(index);
            return index;
        }
        while self.tasks.try_join_next().is_some() {}
        let mailbox = Arc::new(Mailbox::new(self.context.capacity));
        let task = serve(Arc::clone(&mailbox), Arc::clone(listener), self.context.clone());
        self.tasks.spawn(task.in_current_span());
        let one = One { listener: Arc::clone(listener), mailbox, subscriptions: 1, chosen: (0, 0) };
        let index = self.free.pop().unwrap_or(self.list.len());
        self.places.insert(address(listener), index);
        match self.list.get_mut(index) {
            Some(place) => *place = Some(one),
            None => self.list.push(Some(one)),
        }
        index
    }

    /// Counts one more subscription of a listener that is here.
    pub fn again(&mut self, index: usize) {
        if let Some(Some(one)) = self.list.get_mut(index) {
            one.subscriptions += 1;
        }
    }

    /// Counts one subscription less; after the last its task ends, and what still waited for it is returned.
    pub fn release(&mut self, index: usize) -> Vec<(MqttMessage, Arc<Receipt>)> {
        let Some(place) = self.list.get_mut(index) else { return Vec::new() };
        let Some(one) = place else { return Vec::new() };
        one.subscriptions -= 1;
        if one.subscriptions > 0 {
            return Vec::new();
        }
        let left = one.mailbox.close();
        self.places.remove(&address(&one.listener));
        self.free.push(index);
        *place = None;
        left
    }

    pub fn find(&self, listener: &SharedListener) -> Option<usize> {
        self.places.get(&address(listener)).copied()
    }

    /// How many subscriptions a listener has.
    pub fn subscriptions(&self, index: usize) -> usize {
        self.list.get(index).and_then(Option::as_ref).map_or(0, |one| one.subscriptions)
    }

    /// Begins to choose who gets the next message.
    pub fn begin(&mut self) {
        self.round += 1;
        self.targets.clear();
    }

    /// One of the subscriptions of this listener matches.
    pub fn choose(&mut self, index: usize, qos: QoS, manual: bool) {
        let Some(Some(one)) = self.list.get_mut(index) else { return };
        if one.chosen.0 == self.round {
            if let Some(target) = self.targets.get_mut(one.chosen.1) {
                target.qos = qos.max(target.qos);
                target.manual |= manual;
            }
            return;
        }
        one.chosen = (self.round, self.targets.len());
        self.targets.push(Target { listener: index, qos, manual });
    }

    /// Gives the message to those chosen; returns how many there were.
    pub fn deliver(&mut self, message: MqttMessage, receipt: &Arc<Receipt>) -> usize {
        receipt.add(self.targets.len() * PLACE);
        let (topic, highest) = (Arc::clone(&message.topic), message.qos);
        // The last one gets the message itself.
        let copies = std::iter::repeat_n(message, self.targets.len());
        for (Target { listener, qos, manual }, message) in self.targets.iter().zip(copies) {
            let Some(Some(one)) = self.list.get(*listener) else { continue };
            let qos = highest.min(*qos);
            match one.mailbox.put(MqttMessage { qos, ..message }, Hold::new(receipt, *manual)) {
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
        self.targets.len()
    }

    /// Ends all tasks: those that wait end by themselves, those that handle a message are aborted.
    pub async fn end(&mut self) {
        for one in self.list.drain(..).flatten() {
            drop(one.mailbox.close());
        }
        self.places.clear();
        self.free.clear();
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What tells listeners apart. No two that are alive have one address, as each lies in an allocation of its own.
fn address(listener: &SharedListener) -> usize {
    Arc::as_ptr(listener).cast::<()>().addr()
}
