//! The SUBSCRIBE and UNSUBSCRIBE packets that the broker has not answered yet.

use tokio::time::Instant;

use super::wire::{Control, Waiting};
use crate::mqtt::SubscribeOptions;
use crate::mqtt::topic::Filter;

/// A handful of packets, in the order in which they went out.
pub(super) struct Sent<W> {
    packets: Vec<Packet<W>>,
    ids: std::ops::RangeInclusive<u16>,
    last_id: u16,
    /// The ids of packets that were given up on this link: their answers may still come.
    stale: Vec<u16>,
}

pub(super) enum Packet<W> {
    Subscribe(Subscribe<W>),
    Unsubscribe { id: u16, at: Instant, filters: Vec<Filter> },
}

pub(super) struct Subscribe<W> {
    id: u16,
    at: Instant,
    pub(super) filters: Vec<(Filter, SubscribeOptions)>,
    /// By filter.
    pub(super) waiting: Vec<Vec<Waiting<W>>>,
}

impl<W> Packet<W> {
    fn id(&self) -> u16 {
        match self {
            Self::Subscribe(Subscribe { id, .. }) | Self::Unsubscribe { id, .. } => *id,
        }
    }

    /// When it went out.
    pub fn at(&self) -> Instant {
        match self {
            Self::Subscribe(Subscribe { at, .. }) | Self::Unsubscribe { at, .. } => *at,
        }
    }

    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        let (asked, taken_back) = match self {
            Self::Subscribe(Subscribe { filters, .. }) => (filters.as_slice(), [].as_slice()),
            Self::Unsubscribe { filters, .. } => ([].as_slice(), filters.as_slice()),
        };
        asked.iter().map(|(filter, _)| filter).chain(taken_back)
    }

    /// How many filters it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Subscribe(Subscribe { filters, .. }) => filters.len(),
            Self::Unsubscribe { filters, .. } => filters.len(),
        }
    }

    pub fn subscribe(&self) -> Option<&Subscribe<W>> {
        match self {
            Self::Subscribe(subscribe) => Some(subscribe),
            Self::Unsubscribe { .. } => None,
        }
    }
}

impl<W> Sent<W> {
    /// Takes packet ids from `ids`, of which there are more than packets out at a time.
    pub fn new(ids: std::ops::RangeInclusive<u16>) -> Self {
        Self { packets: Vec::new(), last_id: *ids.end(), ids, stale: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.packets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The next id that no packet has which is out.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id >= *self.ids.end() { *self.ids.start() } else { self.last_id + 1 };
            let out = self.packets.iter().any(|packet| packet.id() == self.last_id);
            if !out && !self.stale.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    pub fn unsubscribe(&mut self, filters: Vec<Filter>, at: Instant) {
        let id = self.free_id();
        self.packets.push(Packet::Unsubscribe { id, at, filters });
    }

    pub fn subscribe(
        &mut self,
        filters: Vec<(Filter, SubscribeOptions)>,
        waiting: Vec<Vec<Waiting<W>>>,
        at: Instant,
    ) {
        let id = self.free_id();
        self.packets.push(Packet::Subscribe(Subscribe { id, at, filters, waiting }));
    }

    /// The packet that went out last.
    pub fn last(&self) -> Option<Control<'_>> {
        Some(match self.packets.last()? {
            Packet::Unsubscribe { id, filters, .. } => Control::Unsubscribe { id: *id, filters },
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

    pub fn packets(&self) -> &[Packet<W>] {
        &self.packets
    }

    /// The filters of all packets.
    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.packets.iter().flat_map(Packet::filters)
    }

    /// All who wait for a SUBSCRIBE.
    pub fn waiting_mut(&mut self) -> impl Iterator<Item = &mut Vec<Waiting<W>>> {
        self.packets.iter_mut().flat_map(|packet| match packet {
            Packet::Subscribe(Subscribe { waiting, .. }) => waiting.as_mut_slice(),
            Packet::Unsubscribe { .. } => &mut [],
        })
    }

    /// How many filters UNSUBSCRIBE packets have.
    pub fn unsubscribing(&self) -> usize {
        let filters = |packet: &Packet<W>| match packet {
            Packet::Unsubscribe { filters, .. } => filters.len(),
            Packet::Subscribe(_) => 0,
        };
        self.packets.iter().map(filters).sum()
    }

    /// Whether the SUBSCRIBE of this id is out.
    pub fn awaits(&self, id: u16) -> bool {
        self.subscribes().any(|subscribe| subscribe.id == id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is out.
    pub fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.packets.iter().find_map(|packet| match packet {
            Packet::Unsubscribe { id: known, filters, .. } if *known == id => Some(filters.len()),
            _ => None,
        })
    }

    /// Whether a SUBSCRIBE with this filter is out.
    pub fn asks(&self, filter: &Filter) -> bool {
        self.subscribes().any(|subscribe| subscribe.filters.iter().any(|(out, _)| out == filter))
    }

    /// Whether an UNSUBSCRIBE with this filter is out.
    pub fn takes_back(&self, filter: &Filter) -> bool {
        let out = |packet: &Packet<W>| match packet {
            Packet::Unsubscribe { filters, .. } => filters.contains(filter),
            Packet::Subscribe(_) => false,
        };
        self.packets.iter().any(out)
    }

    /// Takes out the SUBSCRIBE that SUBACK with so many codes answers.
    pub fn subscribed(&mut self, id: u16, count: usize) -> Option<Subscribe<W>> {
        let asked = |packet: &Packet<W>| {
            packet.subscribe().is_some_and(|one| one.id == id && one.filters.len() == count)
        };
        let place = self.packets.iter().position(asked)?;
        match self.packets.remove(place) {
            Packet::Subscribe(subscribe) => Some(subscribe),
            Packet::Unsubscribe { .. } => None,
        }
    }

    /// Takes out the UNSUBSCRIBE that UNSUBACK answers.
    pub fn unsubscribed(&mut self, id: u16) -> Option<Vec<Filter>> {
        let asked = |packet: &Packet<W>| packet.id() == id && packet.subscribe().is_none();
        let place = self.packets.iter().position(asked)?;
        match self.packets.remove(place) {
            Packet::Unsubscribe { filters, .. } => Some(filters),
            Packet::Subscribe(_) => None,
        }
    }

    /// Takes out a packet, of those that [`packets`](Self::packets) lists; an answer to it counts no more.
    pub fn give_up(&mut self, place: usize) -> Option<Packet<W>> {
        let packet = (place < self.packets.len()).then(|| self.packets.remove(place))?;
        self.stale.push(packet.id());
        Some(packet)
    }

    /// How many packets were given up on this link.
    pub fn given_up(&self) -> usize {
        self.stale.len()
    }

    /// An answer has come; true if it is for a packet that was given up.
    pub fn is_late(&mut self, id: u16) -> bool {
        let place = self.stale.iter().position(|stale| *stale == id);
        place.map(|place| self.stale.swap_remove(place)).is_some()
    }

    /// Takes out all, because the link is gone.
    pub fn take(&mut self) -> Vec<Packet<W>> {
        self.stale.clear();
        std::mem::take(&mut self.packets)
    }
}
