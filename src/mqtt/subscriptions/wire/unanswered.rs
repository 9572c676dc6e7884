//! Packets that the broker does not answer.
//!
//! A SUBSCRIBE of several filters is asked again after a while, each filter in a packet of its own: one that the broker says
//! nothing to must not take the others with it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Answer, Wire};
use crate::mqtt::subscriptions::sent::{Packet, Subscribe};
use crate::mqtt::topic::Filter;

/// How many packets are given up on a link at most; there are so many more ids than packets that are out at a time.
const MOST_GIVEN_UP: usize = 7;

/// The part of the time that a packet of several filters has.
const SHARE: u32 = 3;

/// What the broker has not answered in time.
pub(in crate::mqtt::subscriptions) struct Unanswered<W> {
    /// SUBSCRIBE of one filter.
    pub(in crate::mqtt::subscriptions) refused: Vec<Answer<W>>,
    /// UNSUBSCRIBE, which counts as done.
    pub(in crate::mqtt::subscriptions) done: Vec<Filter>,
}

/// How long an answer is awaited.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// To SUBSCRIBE; none is for ever.
    pub(crate) subscribe: Option<Duration>,
    pub(crate) unsubscribe: Duration,
}

impl<W> Wire<W> {
    /// When this packet should have been answered.
    fn due_of(&self, packet: &Packet<W>, patience: Patience) -> Option<Instant> {
        let Some(subscribe) = packet.subscribe() else { return Some(packet.at() + patience.unsubscribe) };
        let limit = patience.subscribe?;
        let share = match subscribe.filters.as_slice() {
            [(filter, _)] if self.suspects.is_single(filter) => limit - limit / SHARE,
            [(filter, _)] if !self.suspects.has(filter) => limit,
            // Several, or one beside which nothing goes out.
            _ => limit / SHARE,
        };
        Some(packet.at() + share)
    }

    /// When the first packet should have been answered.
    pub fn due(&self, patience: Patience) -> Option<Instant> {
        self.sent.packets().iter().filter_map(|packet| self.due_of(packet, patience)).min()
    }

    /// When the oldest packet that is overdue went out, and its filters.
    pub fn overdue(&self, patience: Patience, now: Instant) -> Option<(Instant, Vec<Filter>)> {
        let overdue = |packet: &&Packet<W>| self.due_of(packet, patience).is_some_and(|due| due <= now);
        let packet = self.sent.packets().iter().find(overdue)?;
        Some((packet.at(), packet.filters().cloned().collect()))
    }

    /// It has a packet of its own from here on.
    pub fn part(&mut self, filter: &Filter) {
        self.suspects.part(filter);
    }

    /// Whether as many packets have been given up as a link can bear.
    pub fn is_exhausted(&self) -> bool {
        self.sent.given_up() >= MOST_GIVEN_UP
    }

    /// Gives up what is overdue.
    pub fn expire(&mut self, patience: Patience, now: Instant) -> Unanswered<W> {
        let mut unanswered = Unanswered { refused: Vec::new(), done: Vec::new() };
        while !self.is_exhausted() {
            let overdue = |packet: &Packet<W>| self.due_of(packet, patience).is_some_and(|due| due <= now);
            let Some(place) = self.sent.packets().iter().position(overdue) else { break };
            let Some(packet) = self.sent.give_up(place) else { break };
            match packet {
                Packet::Unsubscribe { filters, .. } => {
                    unanswered.done.extend(filters.iter().cloned());
                    self.taken_back(filters);
                }
                Packet::Subscribe(subscribe) => {
                    let suspect = subscribe.filters.iter().any(|(filter, _)| self.suspects.has(filter));
                    if subscribe.filters.len() > 1 || suspect {
                        subscribe.filters.iter().for_each(|(filter, _)| self.suspects.part(filter));
                        self.ask_anew(subscribe);
                    } else {
                        unanswered.refused.extend(self.unanswered(subscribe));
                    }
                }
            }
        }
        unanswered
    }

    fn unanswered(&mut self, Subscribe { filters, waiting, .. }: Subscribe<W>) -> Vec<Answer<W>> {
        let each = filters.into_iter().zip(waiting);
        each.map(|((filter, _), waiting)| {
            // The broker may have got it.
            self.held.insert(filter.clone());
            if !self.cover.requests(&filter) {
                self.unsubscribe.insert(filter.clone(), ());
            }
            Answer { filter, code: 0x80, waiting }
        })
        .collect()
    }
}
