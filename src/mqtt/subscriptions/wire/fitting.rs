//! What goes into a packet: what the broker takes, and as much as has room.

use super::{Answer, PIPELINE, Wire};
use crate::mqtt::protocol::Limits;
use crate::mqtt::topic::Filter;

/// How many bytes of filters one packet carries at most.
pub(super) const MOST_BYTES: usize = 8 * 1024;

impl<W> Wire<W> {
    /// Takes out what the broker of this link would refuse, with the code it would give, as far as it is about to go out.
    pub(in crate::mqtt::subscriptions) fn unfit(&mut self, limits: &Limits) -> Vec<Answer<W>> {
        self.room = MOST_BYTES.min(limits.room_for_filters());
        let mut refused = Vec::new();
        let next = if self.plain { PIPELINE } else { PIPELINE * self.suspects.size() };
        if self.is_full() {
            return refused;
        }
        loop {
            let first = self.subscribe.iter().take(next);
            let unfit: Vec<_> =
                first.filter_map(|filter| Some((filter.clone(), limits.refuses(filter)?))).collect();
            if unfit.is_empty() {
                break;
            }
            for (filter, code) in unfit {
                self.subscribe.remove(&filter);
                let waiting = self.waiting.remove(&filter).unwrap_or_default();
                refused.push(Answer { filter, code, waiting });
            }
        }
        // What it cannot be told to take back is of no consequence: nobody here listens to it.
        loop {
            let first = self.unsubscribe.iter().take(PIPELINE * self.suspects.size());
            let unfit: Vec<_> = first.filter(|filter| !limits.takes_back(filter)).cloned().collect();
            if unfit.is_empty() {
                return refused;
            }
            for filter in unfit {
                self.unsubscribe.remove(&filter);
            }
        }
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
