//! Who waits for a filter to be granted.

use super::Wire;
use crate::mqtt::SubscribeOptions;
use crate::mqtt::topic::Filter;

/// Somebody who waits for a filter to be granted.
pub(in crate::mqtt::subscriptions) struct Waiting<W> {
    pub(in crate::mqtt::subscriptions) subscription: u32,
    pub(in crate::mqtt::subscriptions) filter: Filter,
    pub(in crate::mqtt::subscriptions) options: SubscribeOptions,
    pub(in crate::mqtt::subscriptions) waiter: W,
}

impl<W> Wire<W> {
    /// Has the SUBSCRIBE through which the messages of this filter come sent, again if need be.
    pub fn ask(&mut self, waiting: Waiting<W>) {
        let covering = self.cover.covering(&waiting.filter);
        let Some((filter, qos)) = covering.into_iter().next() else { return };
        self.subscribe.insert(filter.clone(), qos);
        self.waiting.entry(filter).or_default().push(waiting);
    }

    /// Has this filter sent in its own name though a wider one covers it, which stands but is not granted anew: the broker
    /// says whether it may be, and sends what it has kept. Once granted it is taken back, as its messages come anyway.
    pub fn ask_alone(&mut self, waiting: Waiting<W>) {
        self.subscribe.insert(waiting.filter.clone(), waiting.options.qos);
        self.waiting.entry(waiting.filter.clone()).or_default().push(waiting);
    }

    /// Has the SUBSCRIBE through which the messages of this filter come sent again, for nobody.
    pub fn ask_again(&mut self, filter: &Filter) {
        if let Some((filter, qos)) = self.cover.covering(filter).into_iter().next() {
            self.subscribe.insert(filter, qos);
        }
    }

    /// Nobody waits for this subscription to a filter any more.
    pub fn forget(&mut self, subscription: u32, filter: &Filter) -> Vec<W> {
        self.forget_those(subscription, filter, |_| true)
    }

    /// These do not wait for this subscription to a filter any more.
    pub fn forget_those(&mut self, subscription: u32, filter: &Filter, which: impl Fn(&W) -> bool) -> Vec<W> {
        let mut gone = Vec::new();
        let mut forget = |list: &mut Vec<Waiting<W>>| {
            let those = |one: &mut Waiting<W>| one.subscription == subscription && which(&one.waiter);
            gone.extend(list.extract_if(.., those).map(|one| one.waiter));
        };
        for (covering, _) in self.cover.covering(filter) {
            self.waiting.get_mut(&covering).into_iter().for_each(&mut forget);
        }
        self.waiting.get_mut(filter).into_iter().for_each(&mut forget);
        self.sent.waiting_mut().for_each(forget);
        gone
    }
}
