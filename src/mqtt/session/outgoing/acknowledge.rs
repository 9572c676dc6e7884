//! What the broker acknowledges, and what is acknowledged to it.

use super::{Outgoing, Phase, Unfit};
use crate::mqtt::QoS;
use crate::mqtt::protocol::{AckKind, Publish};

/// "There is no such packet id."
const UNKNOWN: u8 = 0x92;

/// Codes from here on refuse.
const REFUSED: u8 = 0x80;

/// What an acknowledgement did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acked<W> {
    /// The message has arrived.
    Done(Publish, W),
    /// The broker does not want it, and its id is free.
    Refused(Publish, W),
    /// What could not be sent again has come to its end.
    Unfit(Publish, W, Unfit),
    /// One more step towards that.
    Progress,
    /// It belongs to nothing that is on its way.
    Unsolicited,
}

impl<W> Outgoing<W> {
    /// The broker acknowledges, or refuses with a code from 0x80 on. A PUBREC is always answered: a broker that repeats it
    /// waits for its PUBREL. But one that refuses ends the matter.
    pub(crate) fn acknowledge(&mut self, kind: AckKind, id: u16, code: u8) -> Acked<W> {
        let slot = usize::from(id).checked_sub(1).and_then(|index| self.slots.get_mut(index));
        let state = slot.as_ref().and_then(|slot| slot.as_ref()).map(|slot| (slot.publish.qos, slot.phase));
        // What was sent on this link after PUBREL is answered after it: this id holds nothing of an earlier process.
        if let (Some(inherited), AckKind::Complete | AckKind::Received) = (&mut self.inherited, kind)
            && inherited.asked.contains(&id)
        {
            inherited.clear.insert(id);
        }
        self.poison.fruitful |= matches!(state, Some((_, Phase::Sent | Phase::Released)));
        // A broker may say once more, on a new link, what it has. Released and then sent again, it would be a new message there.
        if let (AckKind::Received, Some((QoS::ExactlyOnce, Phase::Again))) = (kind, state)
            && code < REFUSED
        {
            self.queue.retain(|queued| queued != id);
            self.blocked.retain(|blocked| *blocked != id);
            self.poison.drop_from_group(id);
        }
        match (kind, state) {
            (AckKind::Ack, Some((QoS::AtLeastOnce, Phase::Sent)))
            | (AckKind::Received, Some((QoS::ExactlyOnce, Phase::Sent)))
                if code >= REFUSED =>
            {
                self.take(id).map_or(Acked::Unsolicited, |(publish, waiter)| Acked::Refused(publish, waiter))
            }
            (AckKind::Received, _) if code >= REFUSED => Acked::Unsolicited,
            (AckKind::Ack, Some((QoS::AtLeastOnce, Phase::Sent)))
            | (AckKind::Complete, Some((QoS::ExactlyOnce, Phase::Released))) => {
                let unfit = slot.and_then(|slot| slot.as_mut()?.unfit.take());
                match (self.take(id), unfit) {
                    (None, _) => Acked::Unsolicited,
                    (Some((publish, waiter)), None) => Acked::Done(publish, waiter),
                    (Some((publish, waiter)), Some(why)) => Acked::Unfit(publish, waiter, *why),
                }
            }
            (AckKind::Received, Some((QoS::ExactlyOnce, Phase::Sent | Phase::Again | Phase::Released))) => {
                if let Some(Some(slot)) = slot {
                    slot.phase = Phase::Released;
                }
                self.release(id);
                Acked::Progress
            }
            (AckKind::Received, _) => {
                self.release(id);
                Acked::Unsolicited
            }
            _ => Acked::Unsolicited,
        }
    }

    fn release(&mut self, id: u16) {
        if id != 0 && !self.releases.contains(&id) {
            self.releases.push_back(id);
        }
    }

    /// The reason code of a PUBREL: whether there is a message, or one of an earlier process may be, that it can be for.
    pub(crate) fn release_code(&self, id: u16) -> u8 {
        let slot = usize::from(id).checked_sub(1).and_then(|index| self.slots.get(index)?.as_ref());
        let known = slot.is_some_and(|slot| matches!(slot.phase, Phase::Released));
        let inherited = self.inherited.as_ref().is_some_and(|inherited| inherited.asked.contains(&id));
        if known || inherited { 0 } else { UNKNOWN }
    }
}
