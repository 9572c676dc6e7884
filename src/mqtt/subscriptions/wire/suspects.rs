//! Filters that may be why a broker ends links, and how many filters a packet carries because of that.
//!
//! Some brokers end the link instead of refusing: for more filters in a packet than they take, for a filter without
//! permission. Sent again in the same way, such a packet would end every link. So what was out when the broker ended one is
//! suspect: on the next link it goes out after everything else, in smaller packets and then one by one, with nothing beside
//! it. Whatever is answered is innocent; a filter that ends [`ALONE`] links in a row by itself is to blame.

use std::collections::HashMap;

use crate::mqtt::topic::Filter;

/// So many links in a row that a filter ended alone are no accident.
pub(in crate::mqtt::subscriptions) const ALONE: u32 = 3;

/// How many filters are remembered although they are not asked for.
const MOST: usize = 1024;

/// A packet that ended a link is followed by packets of this fraction of its filters.
const SMALLER: usize = 8;

pub(super) struct Suspects {
    /// How many filters a packet carries at most, as configured.
    most: usize,
    /// How many it carries now.
    size: usize,
    /// A packet of so many has ended a link; none as large goes out again.
    ceiling: usize,
    filters: HashMap<Filter, Suspicion>,
    /// How many links in a row have ended without an answer.
    barren: u32,
}

/// Why a filter is not sent as others are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suspicion {
    /// The link ended while it was out; so many in a row while nothing else was.
    Ends(u32),
    /// A packet of it and others was not answered: it has a packet of its own.
    Unanswered,
}

impl Suspects {
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, size: most, ceiling: usize::MAX, filters: HashMap::new(), barren: 0 }
    }

    /// How many filters a packet carries now.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Whether it goes out with nothing beside it.
    pub fn has(&self, filter: &Filter) -> bool {
        matches!(self.filters.get(filter), Some(Suspicion::Ends(_)))
    }

    /// Whether it has a packet of its own, beside which others may be out.
    pub fn is_single(&self, filter: &Filter) -> bool {
        self.filters.get(filter) == Some(&Suspicion::Unanswered)
    }

    /// A packet with others was not answered.
    pub fn part(&mut self, filter: &Filter) {
        self.filters.insert(filter.clone(), Suspicion::Unanswered);
    }

    /// It is known to end links: once more is enough.
    pub fn expect(&mut self, filter: &Filter) {
        self.filters.insert(filter.clone(), Suspicion::Ends(ALONE - 1));
    }

    /// The broker has ended a link with these packets out, by how many filters each has. Where it was one filter, with nothing
    /// else of any kind, it is counted; true if that was once too often.
    pub fn ended<'a>(
        &mut self,
        sizes: impl Iterator<Item = usize>,
        filters: impl Iterator<Item = &'a Filter>,
        alone: bool,
    ) -> bool {
        self.barren = self.barren.saturating_add(1);
        let largest = sizes.max().unwrap_or(0);
        let mut to_blame = false;
        for filter in filters {
            let known = self.filters.entry(filter.clone()).or_insert(Suspicion::Ends(0));
            let before = if let Suspicion::Ends(times) = known { *times } else { 0 };
            *known = Suspicion::Ends(before + u32::from(alone));
            to_blame |= alone && before + 1 >= ALONE;
        }
        if to_blame {
            // That explains it all; how many filters the broker takes is found anew, if there is a limit.
            (self.size, self.ceiling) = (self.most, usize::MAX);
        } else if largest > 1 {
            (self.size, self.ceiling) = ((largest / SMALLER).max(1), largest);
        }
        to_blame
    }

    /// The broker has answered a packet of so many filters: these are innocent. Once nothing is suspect, packets grow again.
    pub fn answered<'a>(&mut self, filters: impl ExactSizeIterator<Item = &'a Filter>) {
        self.barren = 0;
        if self.filters.is_empty() {
            if filters.len() == self.size && self.size * 2 < self.ceiling {
                self.size = (self.size * 2).min(self.most);
            }
            return;
        }
        filters.for_each(|filter| {
            self.filters.remove(filter);
        });
    }

    /// Whether links end whatever the broker is asked for: no filter of ours explains that.
    pub fn is_hopeless(&self) -> bool {
        self.barren > 2 * ALONE
    }

    /// Nothing is said about it any more.
    pub fn forget(&mut self, filter: &Filter) {
        self.filters.remove(filter);
    }

    /// Forgets those that are not `asked` for any more, unless they have ended links alone: such a one may be covered by a wider
    /// filter for now, which the broker refuses again. A large number of them is of filters that nobody wants.
    pub fn tidy(&mut self, asked: impl Fn(&Filter) -> bool) {
        let many = self.filters.len() > MOST;
        self.filters.retain(|filter, suspicion| {
            let counted = matches!(suspicion, Suspicion::Ends(1..));
            (counted && !many) || asked(filter)
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
        assert!(suspects.size() == 8 && all.iter().all(|filter| suspects.has(filter)));
        suspects.answered(all[..32].iter());
        assert!(!suspects.has(&all[31]) && suspects.has(&all[32]));
        suspects.answered(all[32..].iter());
        assert!(suspects.is_empty() && suspects.size() == 8);
        let sizes: Vec<usize> = (0..4)
            .map(|_| {
                suspects.answered(all[..suspects.size()].iter());
                suspects.size()
            })
            .collect();
        assert_eq!(sizes, [16, 32, 32, 32]);
        assert!(!suspects.ended([8, 3].into_iter(), all[..11].iter(), false));
        assert_eq!(suspects.size(), 1);
    }

    #[test]
    fn those_that_ended_links_alone_are_remembered_up_to_a_bound() {
        let mut suspects = Suspects::new(8);
        let all = filters(MOST + 1);
        suspects.ended([1].into_iter(), all[..1].iter(), true);
        suspects.ended([1, 1].into_iter(), all[1..3].iter(), false);
        suspects.tidy(|filter| *filter == all[2]);
        assert!(suspects.has(&all[0]) && !suspects.has(&all[1]) && suspects.has(&all[2]));
        all.iter().for_each(|filter| suspects.expect(filter));
        suspects.tidy(|_| false);
        assert!(suspects.is_empty());
    }

    #[test]
    fn only_a_filter_that_ends_links_alone_is_to_blame() {
        let mut suspects = Suspects::new(8);
        let all = filters(2);
        for _ in 0..10 {
            assert!(!suspects.ended([1, 1].into_iter(), all.iter(), false));
        }
        for time in 1..=ALONE {
            assert_eq!(suspects.ended([1].into_iter(), all[..1].iter(), true), time == ALONE);
        }
        suspects.expect(&all[1]);
        assert!(suspects.ended([1].into_iter(), all[1..].iter(), true), "once more");
        suspects.answered(all.iter());
        assert!(suspects.is_empty());
    }
}
