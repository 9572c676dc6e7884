//! Filters that may be why a broker ends links, and how many filters a packet carries because of that.
//!
//! Some brokers end the link instead of refusing: for more filters in a packet than they take, for a filter without
//! permission. Sent again in the same way, such a packet would end every link. So the filters that were in flight when the
//! broker ended a link are suspect: on the next link they are sent after everything else, in smaller packets and then one by
//! one, with nothing else in flight. A filter that is answered is not suspect any more; one that ends [`Suspects::MAX_ENDED`] links in a
//! row while nothing else is in flight is poison.

use std::collections::HashMap;

use crate::mqtt::topic::Filter;

/// How many filters are remembered although they are not requested.
const MAX_REMEMBERED: usize = 1024;

/// A packet that ended a link is followed by packets with one filter for this many of its own.
const SHRINK: usize = 8;

pub(super) struct Suspects {
    /// How many filters a packet carries at most, as configured.
    max_size: usize,
    /// How many filters a packet carries now.
    size: usize,
    /// A packet with this many filters has ended a link; none as large is sent again.
    ceiling: usize,
    filters: HashMap<Filter, Suspicion>,
    /// How many links in a row have ended without an answer.
    unanswered_links: u32,
}

/// Why a filter is not sent as others are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suspicion {
    /// A link ended while it was in flight; this many in a row while nothing else was.
    Ends(u32),
    /// A packet of it and others was not answered: it has a packet of its own from now on.
    Unanswered,
}

impl Suspects {
    /// How many links in a row a filter ends, alone in flight, until it counts as poison.
    pub const MAX_ENDED: u32 = 3;

    pub fn new(max_size: usize) -> Self {
        let max_size = max_size.max(1);
        Self { max_size, size: max_size, ceiling: usize::MAX, filters: HashMap::new(), unanswered_links: 0 }
    }

    /// How many filters a packet carries now.
    pub fn packet_size(&self) -> usize {
        self.size
    }

    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Whether a filter is sent only while nothing else is in flight.
    pub fn has(&self, filter: &Filter) -> bool {
        matches!(self.filters.get(filter), Some(Suspicion::Ends(_)))
    }

    /// Whether a filter has a packet of its own, beside which others may be in flight.
    pub fn is_single(&self, filter: &Filter) -> bool {
        self.filters.get(filter) == Some(&Suspicion::Unanswered)
    }

    /// Sends a filter in a packet of its own from now on, since one with others was not answered.
    pub fn isolate(&mut self, filter: &Filter) {
        self.filters.insert(filter.clone(), Suspicion::Unanswered);
    }

    /// A filter is known to end links: one more is enough to make it poison.
    pub fn suspect(&mut self, filter: &Filter) {
        self.filters.insert(filter.clone(), Suspicion::Ends(Suspects::MAX_ENDED - 1));
    }

    /// The broker has ended a link with packets of these sizes and these filters in flight. `alone` says that it was one filter and
    /// nothing else of any kind: then it is counted. Returns whether the filter is poison.
    pub fn ended<'a>(
        &mut self,
        sizes: impl Iterator<Item = usize>,
        filters: impl Iterator<Item = &'a Filter>,
        alone: bool,
    ) -> bool {
        self.unanswered_links = self.unanswered_links.saturating_add(1);
        let largest = sizes.max().unwrap_or(0);
        let mut poison = false;
        for filter in filters {
            let known = self.filters.entry(filter.clone()).or_insert(Suspicion::Ends(0));
            let before = if let Suspicion::Ends(times) = known { *times } else { 0 };
            *known = Suspicion::Ends(before + u32::from(alone));
            poison |= alone && before + 1 >= Suspects::MAX_ENDED;
        }
        if poison {
            // The size of packets may have had nothing to do with it: it is found anew, if there is a limit.
            (self.size, self.ceiling) = (self.max_size, usize::MAX);
        } else if largest > 1 {
            (self.size, self.ceiling) = ((largest / SHRINK).max(1), largest);
        }
        poison
    }

    /// The broker has answered a packet with these filters: they are not suspect any more. Once none is, packets grow again.
    pub fn answered<'a>(&mut self, filters: impl ExactSizeIterator<Item = &'a Filter>) {
        self.unanswered_links = 0;
        if self.filters.is_empty() {
            if filters.len() == self.size && self.size * 2 < self.ceiling {
                self.size = (self.size * 2).min(self.max_size);
            }
            return;
        }
        filters.for_each(|filter| {
            self.filters.remove(filter);
        });
    }

    /// Whether links end whatever is requested, so that no filter explains it.
    pub fn ends_regardless(&self) -> bool {
        self.unanswered_links > 2 * Suspects::MAX_ENDED
    }

    /// A filter is not suspect any more.
    pub fn forget(&mut self, filter: &Filter) {
        self.filters.remove(filter);
    }

    /// Forgets filters that are not `requested` any more, unless they have ended links alone: such a one may be covered for now by a
    /// wider filter, which the broker may refuse again. Where they are many, those are forgotten too.
    pub fn retain(&mut self, requested: impl Fn(&Filter) -> bool) {
        let many = self.filters.len() > MAX_REMEMBERED;
        self.filters.retain(|filter, suspicion| {
            let counted = matches!(suspicion, Suspicion::Ends(1..));
            (counted && !many) || requested(filter)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(count: usize) -> Vec<Filter> {
        (0..count).map(|number| format!("f/{number}").parse().unwrap()).collect()
    }

    #[test]
    fn packets_become_smaller_and_grow_again_below_what_ended_a_link() {
        let mut suspects = Suspects::new(64);
        let all = filters(64);
        assert!(!suspects.ended([64].into_iter(), all.iter(), false));
        assert!(suspects.packet_size() == 8 && all.iter().all(|filter| suspects.has(filter)));
        suspects.answered(all[..32].iter());
        assert!(!suspects.has(&all[31]) && suspects.has(&all[32]));
        suspects.answered(all[32..].iter());
        assert!(suspects.is_empty() && suspects.packet_size() == 8);
        let sizes: Vec<usize> = (0..4)
            .map(|_| {
                suspects.answered(all[..suspects.packet_size()].iter());
                suspects.packet_size()
            })
            .collect();
        assert_eq!(sizes, [16, 32, 32, 32]);
        assert!(!suspects.ended([8, 3].into_iter(), all[..11].iter(), false));
        assert_eq!(suspects.packet_size(), 1);
    }

    #[test]
    fn those_that_ended_links_alone_are_remembered_up_to_a_bound() {
        let mut suspects = Suspects::new(8);
        let all = filters(MAX_REMEMBERED + 1);
        suspects.ended([1].into_iter(), all[..1].iter(), true);
        suspects.ended([1, 1].into_iter(), all[1..3].iter(), false);
        suspects.retain(|filter| *filter == all[2]);
        assert!(suspects.has(&all[0]) && !suspects.has(&all[1]) && suspects.has(&all[2]));
        all.iter().for_each(|filter| suspects.suspect(filter));
        suspects.retain(|_| false);
        assert!(suspects.is_empty());
    }

    #[test]
    fn only_a_filter_that_ends_links_alone_is_poison() {
        let mut suspects = Suspects::new(8);
        let all = filters(2);
        for _ in 0..10 {
            assert!(!suspects.ended([1, 1].into_iter(), all.iter(), false));
        }
        for time in 1..=Suspects::MAX_ENDED {
            assert_eq!(suspects.ended([1].into_iter(), all[..1].iter(), true), time == Suspects::MAX_ENDED);
        }
        suspects.suspect(&all[1]);
        assert!(suspects.ended([1].into_iter(), all[1..].iter(), true), "once more");
        suspects.answered(all.iter());
        assert!(suspects.is_empty());
    }
}
