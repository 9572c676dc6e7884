//! What the end of a link, and a new one, mean for what is listened to.

use tokio::time::Instant;

use super::{Entry, Registry};
use crate::mqtt::session::Presence;

impl<W> Registry<W> {
    /// The link is gone: what was out is to be asked again.
    pub fn lost(&mut self) {
        self.retained.lost();
        // With what a broker holds these now, nobody knows.
        let out: Vec<u32> = self.wire.out().flat_map(|filter| self.listening(filter)).collect();
        for number in out {
            if let Some(one) = self.subscriptions.get_mut(&number) {
                (one.unsure, one.carried) = (true, true);
            }
        }
        self.wire.lost();
    }

    /// A new link is there, on which messages name the filters they come for, or not.
    pub fn resume(&mut self, presence: Presence, identifiers: bool, now: Instant) {
        self.ask_refused(now);
        if identifiers != self.wire.is_plain() {
            // Those that rest come back when they have rested.
            let all = self.subscriptions.values().filter(|one| !one.refused);
            self.wire.switch(identifiers, all.map(|one| (&one.filter, one.options)));
            self.subscriptions.values_mut().for_each(|one| one.forget(false));
        }
        if presence != Presence::Kept {
            if presence == Presence::Gone {
                self.owed.clear();
            }
            let fresh = self.subscriptions.iter().filter(|(_, one)| one.wants_kept());
            self.retained.restore(fresh.map(|(number, _)| *number), now);
            for subscription in self.subscriptions.values_mut() {
                subscription.forget(presence == Presence::Gone);
            }
            if identifiers {
                let all = self.subscriptions.values();
                self.wire.prefer_all(all.map(|one| (&one.filter, one.options)));
            }
        }
        self.wire.resume(presence);
        // In the order of the first time, so that the broker always had first what it has had first.
        let Self { wire, identified, subscriptions, .. } = self;
        let asked = |entry: &Entry| subscriptions.get(&entry.subscription).and_then(|one| one.asked);
        wire.sort(|filter| identified.of(filter).iter().filter_map(asked).min().unwrap_or(u64::MAX));
    }

    /// What was taken back gets another chance: on the next link, whose broker may permit it, or after a while.
    pub fn ask_refused(&mut self, now: Instant) {
        let rests = |one: &super::Subscription| self.poison.rests(&self.spelt(&one.filter));
        let refused = self.subscriptions.iter().filter(|(_, one)| one.refused && !rests(one));
        let refused: Vec<u32> = refused.map(|(number, _)| *number).collect();
        refused.into_iter().for_each(|number| self.ask_anew(number, now));
    }

    /// What was taken back is asked for again.
    pub fn ask_anew(&mut self, number: u32, now: Instant) {
        let Some(one) = self.subscriptions.get_mut(&number).filter(|one| one.refused) else { return };
        one.refused = false;
        self.wire.add(&one.filter, one.options.qos);
        if one.wants_kept() {
            self.retained.fresh(number, now);
        }
    }
}
