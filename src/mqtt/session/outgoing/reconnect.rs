//! From one link to the next: what goes out again, what goes out anew, and what can no longer be proven.

use super::{Outgoing, Phase};
use crate::mqtt::QoS;
use crate::mqtt::protocol::Publish;

impl<W> Outgoing<W> {
    /// The link is gone. Returns the QoS 0 messages that do not wait for another one.
    pub(crate) fn link_lost(&mut self) -> Vec<(Publish, W)> {
        self.pause();
        self.queue.take_hasty()
    }

    /// A new link is there. With the session, what is unacknowledged goes out again in its old order, before anything
    /// new; without, QoS 1 goes out anew, and QoS 2 messages that were sent are returned: nobody can say whether they
    /// arrived. So are those whose id the broker may have taken for that of an earlier process. The broker takes `quota`
    /// messages of QoS 1 and 2 at a time.
    pub(crate) fn resume(&mut self, session_present: bool, quota: u16) -> Vec<(Publish, W)> {
        self.quota = usize::from(quota);
        if !session_present {
            self.inherited = None;
            self.forgive();
        }
        // A link that broke before everything had gone out again left that in the queue.
        let slots = &self.slots;
        let phase = |id: u16| slots.get(usize::from(id) - 1).and_then(Option::as_ref).map(|slot| slot.phase);
        self.queue.retain(|id| phase(id) == Some(Phase::Queued));
        let inherited = self.inherited.as_ref();
        let doubtful = |id: u16| inherited.is_some_and(|inherited| !inherited.clear.contains(&id));
        let mut order: Vec<(u64, u16)> = Vec::new();
        let mut released: Vec<(u64, u16)> = Vec::new();
        let mut unproven: Vec<(u64, u16)> = Vec::new();
        for (id, slot) in (1..).zip(&mut self.slots) {
            let Some(slot) = slot else { continue };
            match slot.phase {
                Phase::Queued => {}
                Phase::Sent if slot.publish.qos == QoS::ExactlyOnce && doubtful(id) => {
                    unproven.push((slot.number, id));
                }
                Phase::Sent | Phase::Again if session_present => {
                    slot.phase = Phase::Again;
                    order.push((slot.number, id));
                }
                Phase::Released if session_present => released.push((slot.number, id)),
                _ if slot.publish.qos == QoS::ExactlyOnce => unproven.push((slot.number, id)),
                _ => {
                    slot.phase = Phase::Queued;
                    order.push((slot.number, id));
                }
            }
        }
        for list in [&mut order, &mut released, &mut unproven] {
            list.sort_unstable();
        }
        self.releases = released.into_iter().map(|(_, id)| id).collect();
        // What was never sent is still queued, and newer than all that was.
        for (_, id) in order.into_iter().rev() {
            self.queue.push_front(id);
        }
        unproven.into_iter().filter_map(|(_, id)| self.take(id)).collect()
    }

    /// Takes out everything, because the connection ends.
    pub(crate) fn drain(&mut self) -> Vec<(Publish, W)> {
        self.releases.clear();
        self.blocked.clear();
        self.poison.left().clear();
        let mut all = self.queue.drain();
        self.free.clear();
        all.extend(
            std::mem::take(&mut self.slots).into_iter().flatten().map(|slot| (slot.publish, slot.waiter)),
        );
        self.held = 0;
        all
    }
}
