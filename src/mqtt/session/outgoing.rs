//! The sending half of a session: how far each message has come, and what has to be sent next.

use std::collections::{HashSet, VecDeque};

use super::poison::{PoisonSearch, Turn};
use super::queue::{Next, Qos0, Queue};
use super::slots::{Phase, Resumed, Slots};
use crate::mqtt::QoS;
use crate::mqtt::protocol::{AckKind, Publish, Unfit};

/// The packet ids above the publish window that SUBSCRIBE and UNSUBSCRIBE use.
const CONTROL_IDS: u16 = 16;

/// The largest window that leaves room for them.
pub(crate) const MAX_WINDOW: u16 = u16::MAX - CONTROL_IDS;

/// The reason code "packet identifier not found".
const UNKNOWN: u8 = 0x92;

/// Reason codes from here on refuse.
const REFUSED: u8 = 0x80;

/// What to send next.
pub(crate) enum Transmit<'a, W> {
    Publish {
        id: u16,
        dup: bool,
        publish: &'a Publish,
    },
    /// A message of QoS 0; whoever waits is told when it is written.
    Qos0 {
        publish: Publish,
        waiter: W,
    },
    Release {
        id: u16,
    },
    /// A message that cannot be sent on this link.
    Unfit {
        publish: Publish,
        waiter: W,
        why: Unfit,
    },
}

/// What an acknowledgement did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acked<W> {
    /// The message has arrived.
    Done(Publish, W),
    /// The broker refuses the message, and its id is free.
    Refused(Publish, W),
    /// A message that could not be sent again has come to its end.
    Unfit(Publish, W, Unfit),
    /// The message is one step further.
    Progress,
    /// No message waits for it.
    Unsolicited,
}

/// Messages of QoS 1 and 2 from acceptance to acknowledgement, and those of QoS 0 until they are encoded. `W` is whoever
/// waits for one.
pub(crate) struct Outgoing<W> {
    slots: Slots<W>,
    queue: Queue<W>,
    /// How many messages of QoS 1 and 2 the broker takes at a time.
    quota: usize,
    /// PUBRELs to send; they go before anything else.
    releases: VecDeque<u16>,
    /// Set on a session of an earlier process.
    inherited: Option<InheritedIds>,
    poison: PoisonSearch,
}

/// The ids under which the broker may still know messages of an earlier process.
#[derive(Default)]
struct InheritedIds {
    /// Ids for which PUBREL was sent on this link.
    asked: HashSet<u16>,
    /// Ids that the broker has released for sure.
    released: HashSet<u16>,
}

impl<W> Outgoing<W> {
    /// How many links in a row a message must have ended alone before it is given up.
    pub const LINKS_ALONE: u32 = PoisonSearch::LINKS_ALONE;

    /// Makes room for `window` messages of QoS 1 and 2. Their ids are 1 to `window`; the `reserved` ones above are for other
    /// packets.
    pub fn new(window: u16, reserved: u16) -> Self {
        Self {
            slots: Slots::new(window, reserved),
            queue: Queue::new(),
            quota: usize::from(u16::MAX),
            releases: VecDeque::new(),
            inherited: None,
            poison: PoisonSearch::default(),
        }
    }

    /// Returns how many messages of QoS 1 and 2 are accepted and not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.slots.occupied()
    }

    /// Whether everything accepted has been sent, and acknowledged at QoS 1 and 2.
    pub fn is_idle(&self) -> bool {
        self.slots.occupied() == 0 && self.queue.is_empty()
    }

    /// Whether everything sent has been acknowledged; what waits to be sent does not count.
    pub fn is_quiet(&self) -> bool {
        self.releases.is_empty() && self.slots.is_quiet()
    }

    /// Accepts a message; at QoS 0 `waits` says whether it outlives a lost link. Returns it where the window is full, which
    /// whoever counts the window prevents.
    pub fn accept(&mut self, publish: Publish, waiter: W, waits: bool) -> Result<(), (Publish, W)> {
        if publish.qos == QoS::AtMostOnce {
            self.queue.push_qos_0(Qos0 { publish, waiter, waits });
        } else {
            let id = self.slots.accept(publish, waiter)?;
            self.queue.push(id);
        }
        Ok(())
    }

    /// The session began in an earlier process, of whose messages nothing is known here. The broker may still have one under
    /// an id and would take the next QoS 2 message with that id for its repetition: acknowledged, but lost. So PUBREL
    /// is sent for each id before that is used.
    pub fn inherit(&mut self) {
        self.inherited = Some(InheritedIds::default());
    }

    /// Returns what to send next, if anything; it counts as sent. `unfit` says what this link cannot take.
    pub fn next(&mut self, unfit: impl FnOnce(&Publish) -> Option<Unfit>) -> Option<Transmit<'_, W>> {
        if let Some(id) = self.releases.pop_front() {
            return Some(Transmit::Release { id });
        }
        let id = match self.next_in_turn()? {
            Next::Qos0(Qos0 { publish, waiter, .. }) => {
                if let Some(why) = unfit(&publish) {
                    return Some(Transmit::Unfit { publish, waiter, why });
                }
                self.poison.qos_0_sent();
                return Some(Transmit::Qos0 { publish, waiter });
            }
            Next::Id(id) => id,
        };
        // A queued id always has a slot: only an acknowledgement frees one, and it needs a PUBLISH that is sent.
        let (publish, phase) = (self.slots.publish(id)?, self.slots.phase(id)?);
        let (dup, exactly_once) = (phase == Phase::Again, publish.qos == QoS::ExactlyOnce);
        // What was sent before is brought to its end, however old it is.
        if let Some(why) = unfit(publish).filter(|why| !dup || *why != Unfit::Expired) {
            return self.next_unfit(id, why, dup && exactly_once);
        }
        if phase == Phase::Queued && exactly_once && self.needs_release(id) {
            self.put_back(id);
            return Some(Transmit::Release { id });
        }
        self.poison.sent();
        Some(Transmit::Publish { id, dup, publish: self.slots.sent(id)? })
    }

    /// Fails a message that this link cannot take. But at QoS 2 a broker that got it on an earlier link remembers its id, and
    /// would take the next message under that id for its repetition: so the id is released first.
    fn next_unfit(&mut self, id: u16, why: Unfit, release: bool) -> Option<Transmit<'_, W>> {
        if release {
            self.slots.released_unfit(id, why);
            return Some(Transmit::Release { id });
        }
        let (publish, waiter) = self.slots.take(id)?;
        Some(Transmit::Unfit { publish, waiter, why })
    }

    /// Whether an id must be released before it is used, as the broker may know it from an earlier process; it counts as asked.
    fn needs_release(&mut self, id: u16) -> bool {
        self.inherited.as_mut().is_some_and(|ids| !ids.released.contains(&id) && ids.asked.insert(id))
    }

    /// Puts a message back whose turn it was.
    fn put_back(&mut self, id: u16) {
        if self.poison.put_back(id) {
            return;
        }
        match self.poison.blocked_topics() {
            Some(_) => self.queue.push_front(id),
            None => self.queue.push_first(id),
        }
    }

    /// Returns the next message whose turn it is.
    fn next_in_turn(&mut self) -> Option<Next<W>> {
        loop {
            let turn = self.poison.turn(&self.slots, &mut self.queue, self.quota);
            let open = self.slots.sent_count() < self.quota;
            match turn {
                Turn::Any => return self.queue.next(open),
                Turn::Suspect(id) => return Some(Next::Id(id)),
                Turn::Nothing => return None,
                Turn::Others => {
                    let slots = &self.slots;
                    let other = self.poison.blocked_topics().and_then(|topics| {
                        let blocked = |publish: &Publish| topics.contains(&publish.topic);
                        self.queue.next_passing(open, |id| !slots.publish(id).is_some_and(blocked))
                    });
                    if other.is_some() {
                        return other;
                    }
                    self.poison.none_passes();
                }
            }
        }
    }

    /// Returns a PUBREL to send, where nothing else is to be sent.
    pub fn next_release(&mut self) -> Option<u16> {
        self.releases.pop_front()
    }

    /// Handles an acknowledgement, or a refusal with a code from 0x80 on. A PUBREC is always answered, since a broker that
    /// repeats it waits for its PUBREL; but not one that refuses.
    pub fn acknowledge(&mut self, kind: AckKind, id: u16, code: u8) -> Acked<W> {
        let refused = code >= REFUSED;
        let qos = self.slots.publish(id).map(|publish| publish.qos);
        let phase = self.slots.phase(id);
        // What was sent on this link after PUBREL is answered after it: this id holds nothing of an earlier process.
        if let (Some(ids), AckKind::Complete | AckKind::Received) = (&mut self.inherited, kind)
            && ids.asked.contains(&id)
        {
            ids.released.insert(id);
        }
        if matches!(phase, Some(Phase::Sent | Phase::Released)) {
            self.poison.acknowledged();
        }
        match (kind, qos, phase) {
            (AckKind::Ack, Some(QoS::AtLeastOnce), Some(Phase::Sent))
            | (AckKind::Received, Some(QoS::ExactlyOnce), Some(Phase::Sent))
                if refused =>
            {
                self.slots
                    .take(id)
                    .map_or(Acked::Unsolicited, |(publish, waiter)| Acked::Refused(publish, waiter))
            }
            (AckKind::Received, ..) if refused => Acked::Unsolicited,
            (AckKind::Ack, Some(QoS::AtLeastOnce), Some(Phase::Sent))
            | (AckKind::Complete, Some(QoS::ExactlyOnce), Some(Phase::Released)) => self.finish(id),
            (
                AckKind::Received,
                Some(QoS::ExactlyOnce),
                Some(Phase::Sent | Phase::Again | Phase::Released),
            ) => {
                if phase == Some(Phase::Again) {
                    self.cancel_resend(id);
                }
                self.slots.released(id);
                self.release(id);
                Acked::Progress
            }
            (AckKind::Received, ..) => {
                self.release(id);
                Acked::Unsolicited
            }
            _ => Acked::Unsolicited,
        }
    }

    /// A message has come to its end.
    fn finish(&mut self, id: u16) -> Acked<W> {
        let unfit = self.slots.take_unfit(id);
        match (self.slots.take(id), unfit) {
            (None, _) => Acked::Unsolicited,
            (Some((publish, waiter)), None) => Acked::Done(publish, waiter),
            (Some((publish, waiter)), Some(why)) => Acked::Unfit(publish, waiter, why),
        }
    }

    /// A broker may repeat on a new link what it has. Released and then sent again, the message would be a new one there.
    fn cancel_resend(&mut self, id: u16) {
        self.queue.retain(|queued| queued != id);
        self.poison.drop_from_group(id);
    }

    fn release(&mut self, id: u16) {
        if id != 0 && !self.releases.contains(&id) {
            self.releases.push_back(id);
        }
    }

    /// Returns the reason code of a PUBREL: whether there is a message that it can be for, or may be one of an earlier process.
    pub fn release_code(&self, id: u16) -> u8 {
        let known = self.slots.phase(id) == Some(Phase::Released);
        let inherited = self.inherited.as_ref().is_some_and(|ids| ids.asked.contains(&id));
        if known || inherited { 0 } else { UNKNOWN }
    }

    /// The link has ended, and `by_broker` says whether the broker ended it. Returns a message that is given up, because it has
    /// ended several links in a row. To be called before [`link_lost`](Self::link_lost).
    pub fn find_poison(&mut self, by_broker: bool) -> Option<(Publish, W)> {
        self.poison.link_ended(by_broker, &mut self.slots)
    }

    /// Whether the next links are to show which message ends them.
    pub fn is_searching(&self) -> bool {
        self.poison.is_searching()
    }

    /// Whether links end whatever message is sent: no message explains that.
    pub fn ends_regardless(&self) -> bool {
        self.poison.ends_regardless()
    }

    /// The link has ended, and another one follows at once: everything waits for it.
    pub fn pause(&mut self) {
        self.releases.clear();
        self.slots.link_ended();
        // Suspects are older than what waits for them.
        self.queue.unblock(self.poison.begin_link());
        if let Some(ids) = &mut self.inherited {
            ids.asked.clear();
        }
    }

    /// The link is lost. Returns the QoS 0 messages that do not wait for another one.
    pub fn link_lost(&mut self) -> Vec<(Publish, W)> {
        self.pause();
        self.queue.take_transient()
    }

    /// Goes on over a new link whose broker takes `quota` messages of QoS 1 and 2 at a time. With the session, what is
    /// unacknowledged is sent again in its old order, before anything new. Without it, QoS 1 is sent anew, and QoS 2 messages
    /// that were sent are returned: nobody can say whether they arrived. So are those whose id the broker may have taken for
    /// that of an earlier process.
    pub fn resume(&mut self, session_present: bool, quota: u16) -> Vec<(Publish, W)> {
        self.quota = usize::from(quota);
        if !session_present {
            self.inherited = None;
        }
        // A link that broke before everything was sent again left that in the queue.
        self.queue.retain(|id| self.slots.phase(id) == Some(Phase::Queued));
        let inherited = self.inherited.as_ref();
        let doubtful = |id| inherited.is_some_and(|ids| !ids.released.contains(&id));
        let Resumed { publish, release, unproven } = self.slots.resume(session_present, doubtful);
        self.releases = release.into();
        // What was never sent is still queued, and newer than all that was.
        publish.into_iter().rev().for_each(|id| self.queue.push_front(id));
        unproven.into_iter().filter_map(|id| self.slots.take(id)).collect()
    }

    /// Takes everything out, because the connection ends.
    pub fn drain(&mut self) -> Vec<(Publish, W)> {
        self.releases.clear();
        self.poison.begin_link();
        let mut all = self.queue.drain();
        all.extend(self.slots.drain());
        all
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "poison_tests.rs"]
mod poison_tests;
