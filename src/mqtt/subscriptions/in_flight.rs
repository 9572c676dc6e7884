//! The SUBSCRIBE and UNSUBSCRIBE packets in flight: sent, and not answered yet.

use std::time::Duration;

use tokio::time::Instant;

use super::suspects::Suspects;
use crate::mqtt::SubscribeOptions;
use crate::mqtt::topic::Filter;

/// How many packets are abandoned on a link at most; there are this many more ids than packets in flight.
const MAX_ABANDONED: usize = 7;

/// A packet of several filters has this part of the time that a packet of one has: they are sent again one by one.
const SHARE: u32 = 3;

/// A control packet to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Control<'a> {
    Subscribe { id: u16, filters: &'a [(Filter, SubscribeOptions)] },
    Unsubscribe { id: u16, filters: &'a [Filter] },
}

/// How long an answer is awaited.
#[derive(Clone, Copy)]
pub(crate) struct AnswerTimeouts {
    /// To SUBSCRIBE; without one it is awaited for ever.
    pub subscribe: Option<Duration>,
    pub unsubscribe: Duration,
}

/// A caller who waits for the answer to a filter.
pub(super) struct Waiting<W> {
    pub subscription: u32,
    /// The filter of the subscription, which a wider one may stand for.
    pub filter: Filter,
    pub options: SubscribeOptions,
    pub waiter: W,
}

/// A few packets, in the order in which they were sent.
pub(super) struct InFlight<W> {
    packets: Vec<Packet<W>>,
    ids: std::ops::RangeInclusive<u16>,
    last_id: u16,
    /// The ids of packets that were abandoned on this link: their answers may still come.
    abandoned: Vec<u16>,
}

pub(super) enum Packet<W> {
    Subscribe(Subscribe<W>),
    Unsubscribe(Unsubscribe),
}

pub(super) struct Subscribe<W> {
    id: u16,
    sent_at: Instant,
    filters: Vec<(Filter, SubscribeOptions)>,
    /// Who waits, by filter.
    waiting: Vec<Vec<Waiting<W>>>,
}

pub(super) struct Unsubscribe {
    id: u16,
    sent_at: Instant,
    filters: Vec<Filter>,
}

impl<W> Subscribe<W> {
    pub fn filters(&self) -> impl ExactSizeIterator<Item = &Filter> {
        self.filters.iter().map(|(filter, _)| filter)
    }

    /// The subscriptions that wait for it.
    pub fn subscriptions(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().flatten().map(|waiting| waiting.subscription)
    }

    /// The filters for which nobody waits.
    pub fn unawaited(&self) -> impl Iterator<Item = &Filter> {
        self.filters().zip(&self.waiting).filter(|(_, waiting)| waiting.is_empty()).map(|(filter, _)| filter)
    }

    /// The filters with who waits for each.
    pub fn into_filters(self) -> impl Iterator<Item = (Filter, Vec<Waiting<W>>)> {
        self.filters.into_iter().map(|(filter, _)| filter).zip(self.waiting)
    }

    fn has(&self, filter: &Filter) -> bool {
        self.filters().any(|known| known == filter)
    }

    #[cfg(test)]
    pub fn requests(&self) -> &[(Filter, SubscribeOptions)] {
        &self.filters
    }
}

impl Unsubscribe {
    pub fn into_filters(self) -> Vec<Filter> {
        self.filters
    }
}

impl<W> Packet<W> {
    fn id(&self) -> u16 {
        match self {
            Self::Subscribe(Subscribe { id, .. }) | Self::Unsubscribe(Unsubscribe { id, .. }) => *id,
        }
    }

    fn sent_at(&self) -> Instant {
        match self {
            Self::Subscribe(Subscribe { sent_at, .. }) | Self::Unsubscribe(Unsubscribe { sent_at, .. }) => {
                *sent_at
            }
        }
    }

    fn filters(&self) -> impl Iterator<Item = &Filter> {
        let (subscribed, unsubscribed) = match self {
            Self::Subscribe(Subscribe { filters, .. }) => (filters.as_slice(), [].as_slice()),
            Self::Unsubscribe(Unsubscribe { filters, .. }) => ([].as_slice(), filters.as_slice()),
        };
        subscribed.iter().map(|(filter, _)| filter).chain(unsubscribed)
    }

    /// How many filters it has.
    fn len(&self) -> usize {
        match self {
            Self::Subscribe(Subscribe { filters, .. }) => filters.len(),
            Self::Unsubscribe(Unsubscribe { filters, .. }) => filters.len(),
        }
    }

    fn subscribe(&self) -> Option<&Subscribe<W>> {
        match self {
            Self::Subscribe(subscribe) => Some(subscribe),
            Self::Unsubscribe(_) => None,
        }
    }

    fn unsubscribe(&self) -> Option<&Unsubscribe> {
        match self {
            Self::Subscribe(_) => None,
            Self::Unsubscribe(unsubscribe) => Some(unsubscribe),
        }
    }

    /// When it should have been answered.
    fn due(&self, timeouts: AnswerTimeouts, suspects: &Suspects) -> Option<Instant> {
        let Some(subscribe) = self.subscribe() else { return Some(self.sent_at() + timeouts.unsubscribe) };
        let limit = timeouts.subscribe?;
        let share = match subscribe.filters.as_slice() {
            [(filter, _)] if suspects.is_single(filter) => limit - limit / SHARE,
            [(filter, _)] if !suspects.has(filter) => limit,
            // Several filters, or one that is sent while nothing else is in flight.
            _ => limit / SHARE,
        };
        Some(self.sent_at() + share)
    }

    fn is_overdue(&self, timeouts: AnswerTimeouts, suspects: &Suspects, now: Instant) -> bool {
        self.due(timeouts, suspects).is_some_and(|due| due <= now)
    }
}

impl<W> InFlight<W> {
    /// Takes packet ids from `ids`, of which there are more than packets in flight.
    pub fn new(ids: std::ops::RangeInclusive<u16>) -> Self {
        Self { packets: Vec::new(), last_id: *ids.end(), ids, abandoned: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.packets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The next id that no packet in flight has.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id >= *self.ids.end() { *self.ids.start() } else { self.last_id + 1 };
            let used = self.packets.iter().any(|packet| packet.id() == self.last_id);
            if !used && !self.abandoned.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    pub fn push_unsubscribe(&mut self, filters: Vec<Filter>, sent_at: Instant) {
        let id = self.free_id();
        self.packets.push(Packet::Unsubscribe(Unsubscribe { id, sent_at, filters }));
    }

    pub fn push_subscribe(
        &mut self,
        filters: Vec<(Filter, SubscribeOptions)>,
        waiting: Vec<Vec<Waiting<W>>>,
        sent_at: Instant,
    ) {
        let id = self.free_id();
        self.packets.push(Packet::Subscribe(Subscribe { id, sent_at, filters, waiting }));
    }

    /// The packet that was sent last.
    pub fn last(&self) -> Option<Control<'_>> {
        Some(match self.packets.last()? {
            Packet::Unsubscribe(Unsubscribe { id, filters, .. }) => Control::Unsubscribe { id: *id, filters },
            Packet::Subscribe(Subscribe { id, filters, .. }) => Control::Subscribe { id: *id, filters },
        })
    }

    /// The same, where it is a SUBSCRIBE.
    pub fn last_subscribe(&self) -> Option<&Subscribe<W>> {
        self.packets.last()?.subscribe()
    }

    pub fn subscribes(&self) -> impl Iterator<Item = &Subscribe<W>> {
        self.packets.iter().filter_map(Packet::subscribe)
    }

    fn unsubscribes(&self) -> impl Iterator<Item = &Unsubscribe> {
        self.packets.iter().filter_map(Packet::unsubscribe)
    }

    pub fn has_subscribe(&self) -> bool {
        self.subscribes().next().is_some()
    }

    pub fn has_unsubscribe(&self) -> bool {
        self.unsubscribes().next().is_some()
    }

    /// The filters of all packets.
    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.packets.iter().flat_map(Packet::filters)
    }

    /// How many filters each packet has.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.packets.iter().map(Packet::len)
    }

    /// All who wait for a SUBSCRIBE, by filter.
    pub fn waiting_mut(&mut self) -> impl Iterator<Item = &mut Vec<Waiting<W>>> {
        self.packets.iter_mut().flat_map(|packet| match packet {
            Packet::Subscribe(Subscribe { waiting, .. }) => waiting.as_mut_slice(),
            Packet::Unsubscribe(_) => &mut [],
        })
    }

    /// How many filters the UNSUBSCRIBE packets have.
    pub fn unsubscribe_count(&self) -> usize {
        self.unsubscribes().map(|unsubscribe| unsubscribe.filters.len()).sum()
    }

    /// Whether the SUBSCRIBE of this id is in flight.
    pub fn has_subscribe_of(&self, id: u16) -> bool {
        self.subscribes().any(|subscribe| subscribe.id == id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is in flight.
    pub fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.unsubscribes().find(|one| one.id == id).map(|one| one.filters.len())
    }

    /// Whether a SUBSCRIBE of this filter is in flight.
    pub fn is_subscribing(&self, filter: &Filter) -> bool {
        self.subscribes().any(|subscribe| subscribe.has(filter))
    }

    /// Whether an UNSUBSCRIBE of this filter is in flight.
    pub fn is_unsubscribing(&self, filter: &Filter) -> bool {
        self.unsubscribes().any(|unsubscribe| unsubscribe.filters.contains(filter))
    }

    /// Takes out the SUBSCRIBE that a SUBACK with this many codes answers.
    pub fn take_subscribe(&mut self, id: u16, count: usize) -> Option<Subscribe<W>> {
        let answered = |packet: &Packet<W>| {
            packet.subscribe().is_some_and(|one| one.id == id && one.filters.len() == count)
        };
        let index = self.packets.iter().position(answered)?;
        match self.packets.remove(index) {
            Packet::Subscribe(subscribe) => Some(subscribe),
            Packet::Unsubscribe(_) => None,
        }
    }

    /// Takes out the UNSUBSCRIBE that an UNSUBACK answers.
    pub fn take_unsubscribe(&mut self, id: u16) -> Option<Vec<Filter>> {
        let answered = |packet: &Packet<W>| packet.unsubscribe().is_some_and(|one| one.id == id);
        let index = self.packets.iter().position(answered)?;
        match self.packets.remove(index) {
            Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.filters),
            Packet::Subscribe(_) => None,
        }
    }

    /// When the first packet should have been answered.
    pub fn due(&self, timeouts: AnswerTimeouts, suspects: &Suspects) -> Option<Instant> {
        self.packets.iter().filter_map(|packet| packet.due(timeouts, suspects)).min()
    }

    /// When the oldest packet that is overdue was sent, and its filters.
    pub fn overdue(
        &self,
        timeouts: AnswerTimeouts,
        suspects: &Suspects,
        now: Instant,
    ) -> Option<(Instant, Vec<Filter>)> {
        let packet = self.packets.iter().find(|packet| packet.is_overdue(timeouts, suspects, now))?;
        Some((packet.sent_at(), packet.filters().cloned().collect()))
    }

    /// Takes out the oldest packet that is overdue, unless as many as possible were abandoned on this link. An answer to it does not
    /// count any more.
    pub fn abandon(
        &mut self,
        timeouts: AnswerTimeouts,
        suspects: &Suspects,
        now: Instant,
    ) -> Option<Packet<W>> {
        if self.abandoned.len() >= MAX_ABANDONED {
            return None;
        }
        let index = self.packets.iter().position(|packet| packet.is_overdue(timeouts, suspects, now))?;
        let packet = self.packets.remove(index);
        self.abandoned.push(packet.id());
        Some(packet)
    }

    /// An answer has come; true if it is for a packet that was abandoned.
    pub fn answers_abandoned(&mut self, id: u16) -> bool {
        let index = self.abandoned.iter().position(|abandoned| *abandoned == id);
        index.map(|index| self.abandoned.swap_remove(index)).is_some()
    }

    /// Takes out all, because the link is lost.
    pub fn take_all(&mut self) -> Vec<Packet<W>> {
        self.abandoned.clear();
        std::mem::take(&mut self.packets)
    }
}
