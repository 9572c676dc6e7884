//! Messages of QoS 1 and 2 that are accepted and not acknowledged, by their packet ids.
//!
//! A slot holds a message and whoever waits for it; its number is the packet id. So an acknowledgement finds its waiter by
//! index, an id is never used twice at a time, and what a lost link left behind is still here.

use std::collections::VecDeque;

use crate::mqtt::QoS;
use crate::mqtt::protocol::{Publish, Unfit};

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not sent in this session yet.
    Queued,
    /// Sent on an earlier link of this session: to be sent again, marked as a duplicate.
    Again,
    /// PUBLISH is sent on this link.
    Sent,
    /// QoS 2: PUBREC has come; only PUBREL may be sent from here on.
    Released,
}

struct Slot<W> {
    publish: Publish,
    waiter: W,
    /// The order of acceptance.
    number: u64,
    phase: Phase,
    /// Whether it counts against the broker's quota.
    counted: bool,
    /// Set where it was sent on an earlier link and must not be sent on this one: its id is released, and then it fails.
    unfit: Option<Box<Unfit>>,
}

/// What to do with messages on a new link, by their ids, each in the order of acceptance.
pub(super) struct Resumed {
    /// PUBLISH is to be sent, again or anew.
    pub publish: Vec<u16>,
    /// PUBREL is to be sent.
    pub release: Vec<u16>,
    /// Nobody can say whether they have arrived.
    pub unproven: Vec<u16>,
}

/// The slots of a connection.
pub(super) struct Slots<W> {
    slots: Vec<Option<Slot<W>>>,
    free: VecDeque<u16>,
    /// How many messages are accepted at a time; ids are 1 to this.
    window: u16,
    /// How many ids above the window are used for other packets.
    reserved: u16,
    occupied: usize,
    /// How many messages were ever accepted.
    accepted: u64,
    /// How many messages the broker has on its hands that were sent on this link.
    sent: usize,
    /// The ids of QoS 2 messages that were given up. The broker may know them, and would take the next message under such an id
    /// for a repetition, so they are not used for as long as the session lives, and others are used instead.
    unusable_ids: Vec<u16>,
}

impl<W> Slots<W> {
    /// How many ids are free before one is used again, where the window permits: an acknowledgement that comes twice must not
    /// hit the next message.
    pub const MIN_FREE: usize = 64;

    pub fn new(window: u16, reserved: u16) -> Self {
        Self {
            slots: Vec::new(),
            free: VecDeque::new(),
            window,
            reserved,
            occupied: 0,
            accepted: 0,
            sent: 0,
            unusable_ids: Vec::new(),
        }
    }

    /// Accepts a message. Returns its id, or the message where the window is full.
    pub fn accept(&mut self, publish: Publish, waiter: W) -> Result<u16, (Publish, W)> {
        let room = self.occupied < usize::from(self.window);
        let Some(id) = room.then(|| self.free_id()).flatten() else { return Err((publish, waiter)) };
        let (number, phase) = (self.accepted, Phase::Queued);
        if let Some(slot) = self.slots.get_mut(usize::from(id) - 1) {
            *slot = Some(Slot { publish, waiter, number, phase, counted: false, unfit: None });
        }
        self.accepted += 1;
        self.occupied += 1;
        Ok(id)
    }

    fn free_id(&mut self) -> Option<u16> {
        let fresh = u16::try_from(self.slots.len() + 1).ok().filter(|id| *id <= self.window);
        match fresh {
            Some(id) if self.free.len() < Self::MIN_FREE => {
                self.slots.push(None);
                Some(id)
            }
            _ => self.free.pop_front(),
        }
    }

    /// Takes a message out, and frees its id.
    pub fn take(&mut self, id: u16) -> Option<(Publish, W)> {
        let slot = self.slots.get_mut(index(id)?)?.take()?;
        self.occupied -= 1;
        self.sent -= usize::from(slot.counted);
        self.free.push_back(id);
        Some((slot.publish, slot.waiter))
    }

    /// Takes a message out for good, without freeing its id at QoS 2: the broker may know it.
    pub fn give_up(&mut self, id: u16) -> Option<(Publish, W)> {
        let given_up = self.take(id)?;
        if given_up.0.qos == QoS::ExactlyOnce {
            self.unusable_ids.extend(self.free.pop_back());
            self.grow();
        }
        Some(given_up)
    }

    /// Adds an id, above those of the window and those that are used for other packets.
    fn grow(&mut self) {
        while let Ok(id) = u16::try_from(self.slots.len() + 1) {
            self.slots.push(None);
            let reserved = id > self.window && id - self.window <= self.reserved;
            if !reserved {
                self.free.push_back(id);
            }
            if id > self.window && !reserved {
                return;
            }
        }
    }

    fn slot(&self, id: u16) -> Option<&Slot<W>> {
        self.slots.get(index(id)?)?.as_ref()
    }

    fn slot_mut(&mut self, id: u16) -> Option<&mut Slot<W>> {
        self.slots.get_mut(index(id)?)?.as_mut()
    }

    pub fn publish(&self, id: u16) -> Option<&Publish> {
        self.slot(id).map(|slot| &slot.publish)
    }

    pub fn phase(&self, id: u16) -> Option<Phase> {
        self.slot(id).map(|slot| slot.phase)
    }

    /// Returns how far a message has come that was accepted as this `number`; another one may have its id by now.
    pub fn phase_of(&self, (number, id): (u64, u16)) -> Option<Phase> {
        self.slot(id).filter(|slot| slot.number == number).map(|slot| slot.phase)
    }

    /// PUBLISH is sent. Returns the message.
    pub fn sent(&mut self, id: u16) -> Option<&Publish> {
        let slot = self.slots.get_mut(index(id)?)?.as_mut()?;
        (slot.phase, slot.counted) = (Phase::Sent, true);
        self.sent += 1;
        Some(&slot.publish)
    }

    /// PUBREL is to be sent.
    pub fn released(&mut self, id: u16) {
        if let Some(slot) = self.slot_mut(id) {
            slot.phase = Phase::Released;
        }
    }

    /// PUBREL is to be sent for a message that cannot be sent again, and fails after that.
    pub fn released_unfit(&mut self, id: u16, why: Unfit) {
        if let Some(slot) = self.slot_mut(id) {
            (slot.phase, slot.unfit) = (Phase::Released, Some(Box::new(why)));
        }
    }

    /// Returns why a message could not be sent again, where that is so.
    pub fn take_unfit(&mut self, id: u16) -> Option<Unfit> {
        self.slot_mut(id)?.unfit.take().map(|why| *why)
    }

    /// Returns how many messages are accepted and not acknowledged.
    pub fn occupied(&self) -> usize {
        self.occupied
    }

    /// Returns how many messages the broker has on its hands that were sent on this link.
    pub fn sent_count(&self) -> usize {
        self.sent
    }

    /// Whether no message waits for an acknowledgement.
    pub fn is_quiet(&self) -> bool {
        self.slots.iter().flatten().all(|slot| matches!(slot.phase, Phase::Queued | Phase::Again))
    }

    /// Returns the messages in these phases by number and id, in the order of acceptance.
    pub fn in_phases(&self, phases: &[Phase]) -> Vec<(u64, u16)> {
        let slots = (1..).zip(&self.slots).filter_map(|(id, slot)| Some((id, slot.as_ref()?)));
        let mut found: Vec<(u64, u16)> = slots
            .filter(|(_, slot)| phases.contains(&slot.phase))
            .map(|(id, slot)| (slot.number, id))
            .collect();
        found.sort_unstable();
        found
    }

    /// The link has ended: nothing counts against the quota of the next one.
    pub fn link_ended(&mut self) {
        self.sent = 0;
        self.slots.iter_mut().flatten().for_each(|slot| slot.counted = false);
    }

    /// A new link begins, with the session or without. Of ids that are `doubtful`, the broker may have taken the message for one
    /// of an earlier process.
    pub fn resume(&mut self, session_present: bool, doubtful: impl Fn(u16) -> bool) -> Resumed {
        if !session_present {
            self.free.extend(std::mem::take(&mut self.unusable_ids));
        }
        let [mut publish, mut release, mut unproven] = [const { Vec::<(u64, u16)>::new() }; 3];
        for (id, slot) in (1..).zip(&mut self.slots) {
            let Some(slot) = slot else { continue };
            let exactly_once = slot.publish.qos == QoS::ExactlyOnce;
            let list = match slot.phase {
                Phase::Queued => continue,
                Phase::Sent if exactly_once && doubtful(id) => &mut unproven,
                Phase::Sent | Phase::Again if session_present => {
                    slot.phase = Phase::Again;
                    &mut publish
                }
                Phase::Released if session_present => &mut release,
                _ if exactly_once => &mut unproven,
                _ => {
                    slot.phase = Phase::Queued;
                    &mut publish
                }
            };
            list.push((slot.number, id));
        }
        let ids = |mut list: Vec<(u64, u16)>| {
            list.sort_unstable();
            list.into_iter().map(|(_, id)| id).collect()
        };
        Resumed { publish: ids(publish), release: ids(release), unproven: ids(unproven) }
    }

    /// Takes everything out, because the connection ends.
    pub fn drain(&mut self) -> impl Iterator<Item = (Publish, W)> + use<W> {
        self.free.clear();
        self.occupied = 0;
        std::mem::take(&mut self.slots).into_iter().flatten().map(|slot| (slot.publish, slot.waiter))
    }

    /// Returns how many ids have been used.
    #[cfg(test)]
    pub fn ids(&self) -> usize {
        self.slots.len()
    }
}

fn index(id: u16) -> Option<usize> {
    usize::from(id).checked_sub(1)
}
