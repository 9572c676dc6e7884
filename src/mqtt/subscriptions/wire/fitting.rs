//! What goes into a packet: what the broker takes, and as much as has room.

use super::{Answer, Wire};
use crate::mqtt::protocol::Limits;
use crate::mqtt::topic::Filter;

/// How many bytes of filters one packet carries at most.
pub(super) const MOST_BYTES: usize = 8 * 1024;

impl<W> Wire<W> {
    /// Takes out what the broker of this link would refuse of the packet that is next, with the code it would give. `alone` as
    /// for [`next`](Self::next).
    pub fn unfit(&mut self, limits: &Limits, alone: bool) -> Vec<Answer<W>> {
        self.room = MOST_BYTES.min(limits.room_for_filters());
        let mut refused = Vec::new();
        while let Some((subscribe, filters)) = self.pick(alone) {
            let before = refused.len();
            let mut fits = true;
            for filter in filters {
                if !subscribe {
                    // What it cannot be told to take back is of no consequence: nobody here listens to it.
                    let back = limits.takes_back(&filter);
                    fits &= back || self.unsubscribe.remove(&filter).is_none();
                } else if let Some(code) = limits.refuses(&filter) {
                    self.subscribe.remove(&filter);
                    let waiting = self.waiting.remove(&filter).unwrap_or_default();
                    refused.push(Answer { filter, code, waiting });
                }
            }
            if fits && refused.len() == before {
                break;
            }
        }
        refused
    }
}

/// How many of the first filters have room in a packet; one at least.
pub(super) fn fitting<'a>(filters: impl Iterator<Item = &'a Filter>, room: usize) -> usize {
    let mut bytes = 0;
    let fits = |filter: &&Filter| {
        bytes += filter.as_str().len() + 3;
        bytes <= room
    };
    filters.take_while(fits).count().max(1)
}
