//! Messages on their way out: their packet ids, how far each has come, and what has to be sent next.
//!
//! A slot holds the message and whoever waits for it; its number is the packet id. So an acknowledgement finds its waiter
//! by index, an id is never used twice at a time, and what a lost link left behind is still here.

mod acknowledge;
mod poison;
mod queue;
mod reconnect;

use std::collections::{HashSet, VecDeque};

use crate::mqtt::QoS;
use crate::mqtt::protocol::{Publish, Unfit};
use poison::{PoisonSearch, Turn};
use queue::{Next, Plain, Queue};

pub(crate) use acknowledge::Acked;
pub(crate) use poison::LINKS_ALONE;

/// How many ids rest before one is used again, where the window permits: an acknowledgement that comes twice must not
/// hit the next message.
const REST: usize = 64;

/// Messages of QoS 1 and 2 from acceptance to acknowledgement, and those of QoS 0 until they are encoded. `W` is whoever
/// waits for one.
pub(crate) struct Outgoing<W> {
    slots: Vec<Option<Slot<W>>>,
    free: VecDeque<u16>,
    window: u16,
    reserved: u16,
    queue: Queue<W>,
    /// Messages that came up while the broker takes no more of QoS 1 and 2; they go before the queue.
    blocked: VecDeque<u16>,
    /// How many messages of QoS 1 and 2 the broker takes at a time, and how many it has taken on this link.
    quota: usize,
    taken: usize,
    /// PUBRELs to send; they go before anything else.
    releases: VecDeque<u16>,
    held: usize,
    accepted: u64,
    /// On a session of an earlier process.
    inherited: Option<Inherited>,
    poison: PoisonSearch,
}

/// The ids that the broker may still know from an earlier process.
#[derive(Default)]
struct Inherited {
    /// Those that it has been told to forget on this link.
    asked: HashSet<u16>,
    /// Those that it has forgotten for sure.
    clear: HashSet<u16>,
}

struct Slot<W> {
    publish: Publish,
    waiter: W,
    /// The order of acceptance.
    number: u64,
    phase: Phase,
    /// Whether it counts against the broker's quota.
    taken: bool,
    /// It went out on an earlier link, and must not go out on this one: its id is released, and then it fails.
    unfit: Option<Box<Unfit>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not sent on this session yet.
    Queued,
    /// Sent on an earlier link of this session: goes out again, marked as a duplicate.
    Again,
    /// PUBLISH is out.
    Sent,
    /// QoS 2: PUBREC has come; only PUBREL may be sent from here on.
    Released,
}

/// What to send next.
pub(crate) enum Transmit<'a, W> {
    Publish {
        id: u16,
        dup: bool,
        publish: &'a Publish,
    },
    /// QoS 0: whoever waits is told when the bytes are flushed.
    Plain {
        publish: Publish,
        waiter: W,
    },
    Release {
        id: u16,
    },
    /// A message that is not sent.
    Unfit {
        publish: Publish,
        waiter: W,
        why: Unfit,
    },
}

impl<W> Outgoing<W> {
    /// Room for `window` messages of QoS 1 and 2; ids are 1 to `window`, then `reserved` ones are not for messages.
    pub(crate) fn new(window: u16, reserved: u16) -> Self {
        Self {
            slots: Vec::new(),
            free: VecDeque::new(),
            window,
            reserved,
            queue: Queue::new(),
            blocked: VecDeque::new(),
            quota: usize::from(u16::MAX),
            taken: 0,
            releases: VecDeque::new(),
            held: 0,
            accepted: 0,
            inherited: None,
            poison: PoisonSearch::default(),
        }
    }

    /// How many messages of QoS 1 and 2 are accepted and not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.held
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.held == 0 && self.queue.is_empty()
    }

    /// Takes over a message; at QoS 0 `waits` says whether it outlives a lost link. Given back when the window is full,
    /// which whoever counts the window prevents.
    pub(crate) fn accept(&mut self, publish: Publish, waiter: W, waits: bool) -> Result<(), (Publish, W)> {
        if publish.qos == QoS::AtMostOnce {
            self.queue.push_plain(Plain { publish, waiter, waits });
            return Ok(());
        }
        let room = self.held < usize::from(self.window);
        let Some(id) = room.then(|| self.free_id()).flatten() else { return Err((publish, waiter)) };
        let number = self.accepted;
        if let Some(slot) = self.slots.get_mut(usize::from(id) - 1) {
            *slot = Some(Slot { publish, waiter, number, phase: Phase::Queued, taken: false, unfit: None });
        }
        self.accepted += 1;
        self.held += 1;
        self.queue.push(id);
        Ok(())
    }

    /// The session began in an earlier process, of whose messages nothing is known here. The broker may still have one
    /// under an id and would take the next QoS 2 message with that id for its repetition: acknowledged, but lost. So it is
    /// told to release each id before that is used.
    pub(crate) fn inherit(&mut self) {
        self.inherited = Some(Inherited::default());
    }

    /// What to send next, if anything; it counts as sent. `unfit` says what this link cannot take.
    pub(crate) fn next(&mut self, unfit: impl FnOnce(&Publish) -> Option<Unfit>) -> Option<Transmit<'_, W>> {
        if let Some(id) = self.releases.pop_front() {
            return Some(Transmit::Release { id });
        }
        let id = match self.picked()? {
            Next::Plain(Plain { publish, waiter, .. }) => {
                if let Some(why) = unfit(&publish) {
                    return Some(Transmit::Unfit { publish, waiter, why });
                }
                self.poison.plain_went();
                return Some(Transmit::Plain { publish, waiter });
            }
            Next::Id(id) => id,
        };
        // A queued id always has a slot: only an acknowledgement frees one, and it needs a PUBLISH that is out.
        let slot = self.slots.get(usize::from(id) - 1)?.as_ref()?;
        let dup = slot.phase == Phase::Again;
        // What went out before is brought to its end, however old it is.
        if let Some(why) = unfit(&slot.publish).filter(|why| !dup || *why != Unfit::Expired) {
            return self.hold_back(id, why);
        }
        let slot = self.slots.get_mut(usize::from(id) - 1)?.as_mut()?;
        if let Some(inherited) = &mut self.inherited
            && slot.phase == Phase::Queued
            && slot.publish.qos == QoS::ExactlyOnce
            && !inherited.clear.contains(&id)
            && inherited.asked.insert(id)
        {
            let trying = self.poison.again(id);
            match self.poison.passing() {
                _ if trying => {}
                Some(_) => self.queue.push_front(id),
                None => self.blocked.push_front(id),
            }
            return Some(Transmit::Release { id });
        }
        (slot.phase, slot.taken) = (Phase::Sent, true);
        self.poison.went();
        self.taken += 1;
        Some(Transmit::Publish { id, dup, publish: &slot.publish })
    }

    /// A message that this link cannot take fails. But at QoS 2 a broker that got it on an earlier link remembers its id,
    /// and would take the next message under that id for its repetition: so the id is released first.
    fn hold_back(&mut self, id: u16, why: Unfit) -> Option<Transmit<'_, W>> {
        let slot = self.slots.get_mut(usize::from(id) - 1)?.as_mut()?;
        if slot.phase == Phase::Again && slot.publish.qos == QoS::ExactlyOnce {
            (slot.phase, slot.unfit) = (Phase::Released, Some(Box::new(why)));
            return Some(Transmit::Release { id });
        }
        let (publish, waiter) = self.take(id)?;
        Some(Transmit::Unfit { publish, waiter, why })
    }

    /// The next whose turn it is.
    fn picked(&mut self) -> Option<Next<W>> {
        loop {
            match self.turn() {
                Turn::Any => return self.pick(),
                Turn::Only(id) => return Some(Next::Id(id)),
                Turn::Nobody => return None,
                Turn::Others => {
                    if let Some(other) = self.pick_other() {
                        return Some(other);
                    }
                    self.poison.passed();
                }
            }
        }
    }

    /// The next of the queue that may pass those that may end the link.
    fn pick_other(&mut self) -> Option<Next<W>> {
        let topics = self.poison.passing()?;
        loop {
            let id = match self.queue.pop()? {
                Next::Id(id) => id,
                plain => return Some(plain),
            };
            let slot = self.slots.get(usize::from(id) - 1).and_then(Option::as_ref);
            if slot.is_some_and(|slot| topics.contains(&slot.publish.topic)) {
                self.blocked.push_back(id);
            } else if self.taken < self.quota {
                return Some(Next::Id(id));
            } else {
                self.queue.push_front(id);
                return None;
            }
        }
    }

    /// The next of the queue that the broker takes now: QoS 0 passes what it does not.
    fn pick(&mut self) -> Option<Next<W>> {
        let open = self.taken < self.quota;
        if open && let Some(id) = self.blocked.pop_front() {
            return Some(Next::Id(id));
        }
        loop {
            match self.queue.pop()? {
                Next::Id(id) if !open => self.blocked.push_back(id),
                next => return Some(next),
            }
        }
    }

    /// There is no link, but another one will come at once: everything waits for it.
    pub(crate) fn pause(&mut self) {
        self.releases.clear();
        self.poison.link_ends();
        self.taken = 0;
        self.slots.iter_mut().flatten().for_each(|slot| slot.taken = false);
        // Suspects are older than what waits for them.
        let blocked = std::mem::take(&mut self.blocked);
        for id in self.poison.left().into_iter().chain(blocked).rev() {
            self.queue.push_front(id);
        }
        if let Some(inherited) = &mut self.inherited {
            inherited.asked.clear();
        }
    }

    /// A PUBREL to send, where nothing else is to be.
    pub(crate) fn next_release(&mut self) -> Option<u16> {
        self.releases.pop_front()
    }

    /// Whether everything that was sent has been acknowledged; what waits to be sent does not count.
    pub(crate) fn is_quiet(&self) -> bool {
        let waits = |slot: &Slot<W>| matches!(slot.phase, Phase::Queued | Phase::Again);
        self.releases.is_empty() && self.slots.iter().flatten().all(waits)
    }

    fn take(&mut self, id: u16) -> Option<(Publish, W)> {
        let slot = self.slots.get_mut(usize::from(id) - 1)?.take()?;
        self.held -= 1;
        self.taken -= usize::from(slot.taken);
        self.free.push_back(id);
        Some((slot.publish, slot.waiter))
    }

    fn free_id(&mut self) -> Option<u16> {
        let fresh = u16::try_from(self.slots.len() + 1).ok().filter(|id| *id <= self.window);
        match fresh {
            Some(id) if self.free.len() < REST => {
                self.slots.push(None);
                Some(id)
            }
            _ => self.free.pop_front(),
        }
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
