//! What has to be asked for again when a link ends, and on the next one.

use super::Wire;
use crate::mqtt::SubscribeOptions;
use crate::mqtt::session::Presence;
use crate::mqtt::subscriptions::pending::Pending;
use crate::mqtt::subscriptions::sent::{Packet, Subscribe};
use crate::mqtt::topic::{Cover, Filter};

impl<W> Wire<W> {
    /// The link is gone: what was out is to be asked again.
    pub fn lost(&mut self) {
        self.ask_covers();
        for packet in self.sent.take() {
            match packet {
                Packet::Subscribe(subscribe) => self.ask_anew(subscribe),
                Packet::Unsubscribe { filters, .. } => {
                    for filter in filters {
                        // Where it is wanted again, the SUBSCRIBE that followed is among these, or waits.
                        if !self.cover.requests(&filter) {
                            self.unsubscribe.insert(filter, ());
                        }
                    }
                }
            }
        }
    }

    pub fn ask_anew(&mut self, Subscribe { filters, waiting, .. }: Subscribe<W>) {
        for ((filter, _), waiting) in filters.into_iter().zip(waiting) {
            // The broker may have got it.
            self.held.insert(filter.clone());
            if self.cover.requests(&filter) {
                self.ask_again(&filter);
            } else {
                self.unsubscribe.insert(filter, ());
            }
            waiting.into_iter().for_each(|waiting| self.ask(waiting));
        }
    }

    /// A new link is there. A broker that has, or may have, forgotten the session is asked for everything.
    pub fn resume(&mut self, presence: impl Into<Presence>) {
        let presence = presence.into();
        if presence == Presence::Gone {
            self.held.clear();
            self.unsubscribe = Pending::default();
        }
        if presence != Presence::Kept {
            self.subscribe = self.cover.wire().map(|(filter, qos)| (filter.clone(), qos)).collect();
        }
        let Self { suspects, subscribe, unsubscribe, .. } = self;
        suspects.tidy(|filter| subscribe.contains(filter) || unsubscribe.contains(filter));
    }

    /// What is to be asked for goes out in the order of these.
    pub fn sort(&mut self, order: impl Fn(&Filter) -> u64) {
        let count = self.subscribe.len();
        let mut all: Vec<_> = self.subscribe.take(count).collect();
        all.sort_by_cached_key(|(filter, _)| order(filter));
        self.subscribe = all.into_iter().collect();
    }

    /// The link is gone: those who wait for a filter that is covered wait for the cover again.
    fn ask_covers(&mut self) {
        let alone: Vec<Filter> =
            self.waiting.keys().filter(|filter| !self.cover.requests(filter)).cloned().collect();
        for filter in alone {
            self.subscribe.remove(&filter);
            let waiting = self.waiting.remove(&filter).unwrap_or_default();
            waiting.into_iter().for_each(|waiting| self.ask(waiting));
        }
    }

    /// From here on every filter stands for itself, or not any more. `all` are the filters that are listened to. What is
    /// different on the wire is asked for again.
    pub fn switch<'a>(
        &mut self,
        plain: bool,
        all: impl Iterator<Item = (&'a Filter, SubscribeOptions)> + Clone,
    ) {
        self.plain = plain;
        self.cover = if plain { Cover::unmerged() } else { Cover::new() };
        for (filter, options) in all.clone() {
            // Changes on the way there mean nothing; the end is compared.
            self.cover.add(filter, options.qos);
        }
        self.prefer_all(all);
        self.subscribe = self.cover.wire().map(|(filter, qos)| (filter.clone(), qos)).collect();
        let gone = self.held.iter().filter(|held| !self.subscribe.contains(held));
        self.unsubscribe = gone.map(|held| (held.clone(), ())).collect();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flatten().for_each(|waiting| self.ask(waiting));
    }
}
