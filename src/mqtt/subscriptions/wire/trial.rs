//! Which packet goes out next, and what the end of a link says about those that were out.

use tokio::time::Instant;

use super::fitting::fitting;
use super::{PIPELINE, Wire};
use crate::mqtt::subscriptions::sent::Packet;
use crate::mqtt::topic::Filter;

/// How far the suspects are on this link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// There is nothing to try.
    None,
    /// Everything else was asked for; the next suspect waits until nothing else of this client is on its way.
    Waits,
    /// One is out: nothing may go out beside it.
    Out,
}

impl<W> Wire<W> {
    /// The filters of the next packet, and whether it is a SUBSCRIBE. A suspect goes out only with `alone`, when nothing else
    /// is on its way.
    pub fn pick(&self, alone: bool) -> Option<(bool, Vec<Filter>)> {
        if self.is_full() || self.trial() == Trial::Out {
            return None;
        }
        let suspect = |filter: &&Filter| self.suspects.has(filter);
        if let Some(filters) = self.batch(self.subscribe.iter().filter(|filter| !suspect(filter)), true) {
            return Some((true, filters));
        }
        if self.subscribe.is_empty()
            && let Some(filters) =
                self.batch(self.unsubscribe.iter().filter(|filter| !suspect(filter)), false)
        {
            return Some((false, filters));
        }
        if !alone || self.trial() != Trial::Waits {
            return None;
        }
        match self.batch(self.subscribe.iter().filter(suspect), true) {
            Some(filters) => Some((true, filters)),
            None => Some((false, self.batch(self.unsubscribe.iter().filter(suspect), false)?)),
        }
    }

    /// As many of the first filters as one packet takes now, if any may go out beside what is out.
    fn batch<'a>(&self, filters: impl Iterator<Item = &'a Filter>, subscribe: bool) -> Option<Vec<Filter>> {
        if subscribe && self.plain {
            return filters.take(1).next().map(|filter| vec![filter.clone()]);
        }
        // Where filters stand for others, a narrower one is taken back only when the wider one is granted.
        let mixed = |packet: &Packet<W>| packet.subscribe().is_some() != subscribe;
        if !self.plain && self.sent.packets().iter().any(mixed) {
            return None;
        }
        let free = filters.take_while(|filter| !subscribe || !self.sent.asks(filter));
        let mut single = false;
        let together = free.enumerate().take_while(|(place, filter)| {
            let end = single || (*place > 0 && self.suspects.is_single(filter));
            single |= self.suspects.is_single(filter);
            !end
        });
        let together: Vec<&Filter> = together.map(|(_, filter)| filter).take(self.suspects.size()).collect();
        let count = fitting(together.iter().copied(), self.room);
        let filters: Vec<Filter> = together.into_iter().take(count).cloned().collect();
        (!filters.is_empty()).then_some(filters)
    }

    /// How far the suspects are.
    pub fn trial(&self) -> Trial {
        let suspect = |filter: &Filter| self.suspects.has(filter);
        if self.suspects.is_empty() {
            return Trial::None;
        }
        if self.sent.filters().any(suspect) {
            return Trial::Out;
        }
        let rest_is_out = self.sent.is_empty() && self.subscribe.iter().all(suspect);
        let waits = if self.subscribe.is_empty() {
            !self.unsubscribe.is_empty() && self.unsubscribe.iter().all(suspect)
        } else {
            true
        };
        if rest_is_out && waits { Trial::Waits } else { Trial::None }
    }

    /// The broker has ended the link, `alone` if nothing was on its way but control packets. Returns the filter that is to
    /// blame, where that is certain by now, and whether it was to be subscribed to. Comes before [`lost`](Self::lost).
    pub fn blame(&mut self, alone: bool) -> Option<(Filter, bool)> {
        let one = match self.sent.packets() {
            [] => return None,
            [one] => one.len() == 1,
            _ => false,
        };
        let sizes = self.sent.packets().iter().map(Packet::len);
        if !self.suspects.ended(sizes, self.sent.filters(), alone && one) {
            return None;
        }
        let filter = self.sent.filters().next()?.clone();
        Some((filter, self.sent.subscribes().next().is_some()))
    }

    /// The filters that are suspect now.
    pub fn suspects(&self) -> impl Iterator<Item = &Filter> {
        self.subscribe.iter().chain(self.unsubscribe.iter()).filter(|filter| self.suspects.has(filter))
    }

    /// Whether links end whatever the broker is asked for.
    pub fn is_hopeless(&self) -> bool {
        self.suspects.is_hopeless()
    }

    /// A filter that is known to end links is asked for all the same.
    pub fn expect(&mut self, filter: &Filter) {
        self.suspects.expect(filter);
    }

    /// The broker need not be told to take this filter back: it has never granted it, or ends links for that.
    pub fn let_go(&mut self, filter: &Filter) {
        self.held.remove(filter);
        self.unsubscribe.remove(filter);
        self.suspects.forget(filter);
    }

    /// Takes out those filters that are to be subscribed to, without asking the broker.
    pub fn take_out(&mut self, which: impl Fn(&Filter) -> bool) -> Vec<(Filter, Vec<super::Waiting<W>>)> {
        let those: Vec<Filter> = self.subscribe.iter().filter(|filter| which(filter)).cloned().collect();
        let mut taken = Vec::new();
        for filter in those {
            self.subscribe.remove(&filter);
            let waiting = self.waiting.remove(&filter).unwrap_or_default();
            taken.push((filter, waiting));
        }
        taken
    }

    /// Puts what was picked into a packet.
    pub fn send(&mut self, subscribe: bool, filters: Vec<Filter>, now: Instant) {
        if !subscribe {
            for filter in &filters {
                self.unsubscribe.remove(filter);
            }
            return self.sent.unsubscribe(filters, now);
        }
        let asked: Vec<_> = filters
            .into_iter()
            .filter_map(|filter| {
                let qos = self.subscribe.remove(&filter)?;
                let options = self.options_of(&filter, qos);
                Some((filter, options))
            })
            .collect();
        let waiting = asked.iter().map(|(filter, _)| self.waiting.remove(filter).unwrap_or_default());
        let waiting = waiting.collect();
        self.sent.subscribe(asked, waiting, now);
    }

    /// How many packets may be out.
    pub fn is_full(&self) -> bool {
        self.sent.len() >= PIPELINE
    }
}
