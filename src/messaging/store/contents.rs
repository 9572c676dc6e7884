//! The messages of a store and their order: a state machine without locks, clocks and notifications.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dead_message::DeadMessage;
use super::lease::LeaseId;
use super::leases::{Due, Leases};
#[cfg(feature = "mqtt")]
use super::message::Redelivery;
use super::message::{Depth, StoreOptions, StoredMessage};
use super::outcome::{Ended, Refused, Room, Taken};
use crate::Error;
use crate::messaging::{DeadLetterReason, MessageEnvelope};

/// The least time between two attempts to move a malformed message to the dead letters.
pub(super) const MALFORMED_RETRY: Duration = Duration::from_secs(1);

/// The capacity that an empty list keeps.
const SPARE_CAPACITY: usize = 1024;

pub(super) struct Contents<A> {
    options: StoreOptions,
    /// How many messages were put here so far.
    put: u64,
    /// In the order of their numbers.
    waiting: VecDeque<StoredMessage<A>>,
    /// Messages for which there is no room yet, in order of arrival; empty while there is room.
    overflow: VecDeque<StoredMessage<A>>,
    leases: Leases<A>,
    dead: VecDeque<DeadMessage<A>>,
    /// The acknowledgements of those that are being moved to the dead letters, by their numbers.
    moving: Vec<(u64, A)>,
    /// The time for which the maintenance task has set its timer.
    timer: Option<Instant>,
    /// What all unfinished messages cost.
    bytes: usize,
    /// Whether messages were refused for `max_bytes` since half of the bytes were free.
    short_of_bytes: bool,
}

impl<A> Contents<A> {
    pub fn new(options: StoreOptions) -> Self {
        Self {
            options,
            put: 0,
            waiting: VecDeque::new(),
            overflow: VecDeque::new(),
            leases: Leases::default(),
            dead: VecDeque::new(),
            moving: Vec::new(),
            timer: None,
            bytes: 0,
            short_of_bytes: false,
        }
    }

    pub fn options(&self) -> StoreOptions {
        self.options
    }

    pub fn set_options(&mut self, options: StoreOptions) {
        self.options = options;
    }

    // Putting.

    /// Puts a message at the end if there is room. While there is an overflow, there is none.
    pub fn try_put(&mut self, message: StoredMessage<A>) -> Result<(), Refused<A>> {
        if self.overflow.is_empty() && self.has_room(message.cost()) {
            self.put(message);
            return Ok(());
        }
        let short_of_bytes =
            self.exceeds_bytes(message.cost()) && !std::mem::replace(&mut self.short_of_bytes, true);
        Err(Refused { message, short_of_bytes })
    }

    /// Whether there is room for a small message.
    pub fn has_any_room(&self) -> bool {
        self.overflow.is_empty() && self.has_room(1)
    }

    /// Puts a message at the end of the overflow, from where it moves on as soon as there is room.
    pub fn push_overflow(&mut self, message: StoredMessage<A>) -> Room {
        self.overflow.push_back(message);
        self.admit_overflow()
    }

    fn put(&mut self, mut message: StoredMessage<A>) {
        self.put += 1;
        self.bytes += message.cost();
        message.set_number(self.put);
        if message.is_malformed() {
            self.dead.push_back(DeadMessage::new(message));
        } else {
            self.waiting.push_back(message);
        }
    }

    /// A message that was taken goes back to where it was.
    fn put_back(&mut self, message: StoredMessage<A>) {
        let index = self.waiting.partition_point(|other| other.number() < message.number());
        self.waiting.insert(index, message);
    }

    // Room.

    /// Whether one more message of this cost has room: the first has, whatever it costs.
    fn has_room(&self, cost: usize) -> bool {
        let unfinished = self.unfinished();
        unfinished == 0 || (unfinished < self.options.capacity && !self.exceeds_bytes(cost))
    }

    fn exceeds_bytes(&self, cost: usize) -> bool {
        self.bytes.saturating_add(cost) > self.options.max_bytes
    }

    fn unfinished(&self) -> usize {
        self.waiting.len() + self.leases.count() + self.dead.len() + self.moving.len()
    }

    /// A message has left: the overflow comes first, then those who wait for room.
    fn free(&mut self, cost: usize) -> Room {
        self.bytes = self.bytes.saturating_sub(cost);
        if !self.overflow.is_empty() {
            return self.admit_overflow();
        }
        let short = self.short_of_bytes;
        self.short_of_bytes &= self.bytes > self.options.max_bytes / 2;
        if short { Room::All } else { Room::One }
    }

    fn admit_overflow(&mut self) -> Room {
        let mut moved = false;
        while self.overflow.front().is_some_and(|first| self.has_room(first.cost())) {
            let Some(message) = self.overflow.pop_front() else { break };
            self.put(message);
            moved = true;
        }
        if moved { Room::Overflow { emptied: self.overflow.is_empty() } } else { Room::None }
    }

    // Receiving.

    /// Leases the next message that waits.
    pub fn take(&mut self, now: Instant) -> Option<Taken> {
        let mut message = self.waiting.pop_front()?;
        if self.waiting.is_empty() && self.waiting.capacity() > SPARE_CAPACITY {
            self.waiting = VecDeque::new();
        }
        let (envelope, until) = (message.deliver(), now + self.options.lock_timeout);
        let id = self.leases.lease(message, until);
        let (more, ends_first) = (!self.waiting.is_empty(), self.ends_first(until));
        Some(Taken { envelope, id, more, ends_first })
    }

    /// Copies of the first messages that wait.
    pub fn peek(&self, count: usize) -> Vec<MessageEnvelope> {
        let overflow = self.overflow.iter().filter(|message| !message.is_malformed());
        let waiting = self.waiting.iter().chain(overflow);
        waiting.take(count).map(|message| message.envelope().clone()).collect()
    }

    pub fn depth(&self) -> Depth {
        let is_whole = |message: &&StoredMessage<A>| !message.is_malformed();
        let (mut delayed, mut waiting) =
            (0, self.waiting.len() + self.overflow.iter().filter(is_whole).count());
        for message in self.leases.delayed() {
            delayed += 1;
            waiting += usize::from(!message.is_malformed());
        }
        Depth { waiting, leased: self.leases.count() - delayed }
    }

    // Settling: each does nothing where the lease does not hold.

    /// Takes a message out for good.
    pub fn settle(&mut self, id: LeaseId, now: Instant) -> Option<(StoredMessage<A>, Room)> {
        let message = self.leases.end(id, now)?;
        let room = self.free(message.cost());
        Some((message, room))
    }

    /// Sets the end of a lease; returns whether that is before the timer that is set.
    pub fn renew(&mut self, id: LeaseId, now: Instant, until: Instant) -> Option<bool> {
        self.leases.renew(id, now, until).then(|| self.ends_first(until))
    }

    /// Has a message delivered again after the delay, or go to the dead letters where it was delivered too often. Returns whether
    /// it waits to be received now.
    pub fn abandon(&mut self, id: LeaseId, now: Instant) -> Option<bool> {
        let message = self.leases.end(id, now)?;
        Some(self.come_back(message, now))
    }

    /// Puts a message back as if it had not been taken.
    pub fn release(&mut self, id: LeaseId, now: Instant) -> Option<()> {
        let mut message = self.leases.end(id, now)?;
        message.uncount_delivery();
        self.put_back(message);
        Some(())
    }

    /// Has a message go to the dead letters.
    pub fn reject(
        &mut self,
        id: LeaseId,
        now: Instant,
        reason: DeadLetterReason,
    ) -> Option<oneshot::Receiver<Result<(), Error>>> {
        let message = self.leases.end(id, now)?.rejected(reason);
        let (dead, outcome) = DeadMessage::awaited(message);
        self.dead.push_back(dead);
        Some(outcome)
    }

    /// A message that was taken out and is not done with: as if it had been abandoned.
    pub fn unsettle(&mut self, message: StoredMessage<A>, now: Instant) -> bool {
        self.bytes += message.cost();
        self.come_back(message, now)
    }

    fn come_back(&mut self, message: StoredMessage<A>, now: Instant) -> bool {
        let limit = self.options.max_deliveries;
        if limit > 0 && message.envelope().deliveries() >= limit {
            let message = message.rejected(DeadLetterReason::MaxDeliveries);
            self.dead.push_back(DeadMessage::new(message));
            return false;
        }
        self.delay(message, now)
    }

    fn delay(&mut self, message: StoredMessage<A>, now: Instant) -> bool {
        let delay = self.options.redelivery_delay;
        let delay = if message.is_malformed() { delay.max(MALFORMED_RETRY) } else { delay };
        if delay.is_zero() {
            self.put_back(message);
            return true;
        }
        self.leases.delay(message, now + delay);
        false
    }

    // Time.

    /// Ends the leases and delays whose time has come.
    pub fn end_due(&mut self, now: Instant) -> Ended {
        let mut ended = Ended::default();
        while let Some(due) = self.leases.due(now) {
            match due {
                Due::Expired(message) => {
                    ended.expired += 1;
                    ended.waiting |= self.come_back(message, now);
                }
                Due::Ready(message) if message.is_malformed() => {
                    self.dead.push_back(DeadMessage::new(message));
                }
                Due::Ready(message) => {
                    self.put_back(message);
                    ended.waiting = true;
                }
            }
        }
        ended
    }

    /// When the first lease or delay ends; the timer is taken as set for that.
    pub fn set_timer(&mut self) -> Option<Instant> {
        self.timer = self.leases.next_timer();
        self.timer
    }

    pub fn unset_timer(&mut self) {
        self.timer = None;
    }

    fn ends_first(&self, until: Instant) -> bool {
        self.timer.is_none_or(|timer| until < timer)
    }

    // Dead letters.

    /// Takes out a message to be moved to the dead letters. Its acknowledgement stays here, where it can be replaced meanwhile.
    pub fn next_dead(&mut self) -> Option<DeadMessage<()>> {
        let (dead, ack) = self.dead.pop_front()?.split();
        self.moving.push((dead.message().number(), ack));
        Some(dead)
    }

    /// A message is among the dead letters: it has left.
    pub fn moved(&mut self, dead: DeadMessage<()>) -> Option<(StoredMessage<A>, Room)> {
        let message = self.join(dead)?.into_message();
        let room = self.free(message.cost());
        Some((message, room))
    }

    /// A message could not be moved: it is delivered again after the delay, or moved again where it is malformed. Returns whether
    /// it waits to be received now.
    pub fn not_moved(&mut self, dead: DeadMessage<()>, now: Instant) -> bool {
        self.join(dead).is_some_and(|dead| self.delay(dead.into_message(), now))
    }

    /// Nobody knows whether a message was moved: that is tried again.
    pub fn move_again(&mut self, dead: DeadMessage<()>) {
        let dead = self.join(dead);
        self.dead.extend(dead);
    }

    #[cfg(test)]
    pub fn is_moving_any(&self) -> bool {
        !self.moving.is_empty()
    }

    fn join(&mut self, dead: DeadMessage<()>) -> Option<DeadMessage<A>> {
        let index = self.moving.iter().position(|(number, _)| *number == dead.message().number())?;
        let (_, ack) = self.moving.swap_remove(index);
        Some(dead.join(ack))
    }

    // All messages.

    /// Takes out everything that waits; the leased and the dead too where that is asked. The overflow comes last.
    pub fn clear(&mut self, leased: bool) -> Vec<StoredMessage<A>> {
        let others = if leased { self.leases.take_all() } else { self.leases.take_delayed() };
        let mut taken: Vec<_> = std::mem::take(&mut self.waiting).into();
        taken.extend(others);
        if leased {
            taken.extend(std::mem::take(&mut self.dead).into_iter().map(DeadMessage::into_message));
        }
        self.bytes = self.bytes.saturating_sub(taken.iter().map(StoredMessage::cost).sum());
        taken.extend(std::mem::take(&mut self.overflow));
        taken
    }

    /// Replaces the acknowledgement of the message that this one belongs to, and returns the one of before; gives it back where
    /// the message is not here.
    #[cfg(feature = "mqtt")]
    pub fn replace_ack(&mut self, ack: A, compare: impl Fn(&A, &A) -> Redelivery) -> Result<A, A> {
        let Self { waiting, overflow, leases, dead, moving, .. } = self;
        let dead = dead.iter_mut().map(DeadMessage::message_mut);
        let messages = waiting.iter_mut().chain(overflow).chain(leases.messages_mut()).chain(dead);
        let acks = messages.map(StoredMessage::ack_mut).chain(moving.iter_mut().map(|(_, ack)| ack));
        let mut likely = None;
        for known in acks {
            match compare(known, &ack) {
                Redelivery::Certain => return Ok(std::mem::replace(known, ack)),
                Redelivery::Likely if likely.is_none() => likely = Some(known),
                _ => {}
            }
        }
        match likely {
            Some(known) => Ok(std::mem::replace(known, ack)),
            None => Err(ack),
        }
    }

    /// Takes the acknowledgements of all messages, which stay; each comes with a copy of its message.
    #[cfg(feature = "mqtt")]
    pub fn take_acks(&mut self) -> Vec<StoredMessage<A>>
    where
        A: Default,
    {
        let Self { waiting, overflow, leases, dead, .. } = self;
        let dead = dead.iter_mut().map(DeadMessage::message_mut);
        let messages = waiting.iter_mut().chain(overflow).chain(leases.messages_mut()).chain(dead);
        messages.map(StoredMessage::copy_with_ack).collect()
    }
}
