//! Which components a reference resolves to.
//!
//! Equal questions share one answer: a list is found once for each distinct pattern and capability, however many
//! components ask.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use std::sync::Arc;

use wirework::Pattern;

use super::factories::FactoryInfo;
use super::index::Index;

/// Positions of components, ascending, shared by all who asked the same. It may hold the asking component itself,
/// which never gets itself: leave it out with [`others`].
pub type List = Arc<[u32]>;

/// The members of a list but the component that asks.
pub fn others(list: &[u32], asker: u32) -> impl Iterator<Item = u32> + '_ {
    list.iter().copied().filter(move |member| *member != asker)
}

/// What a component must be, besides matching the pattern, to be in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// Components that offer this capability.
    Capability(TypeId),
    /// Components of any kind, as `after` does.
    Anything,
    /// Components that no factory makes, of which nobody knows what they would offer.
    Unmade,
}

/// The answers given so far.
pub struct Lists<'a> {
    index: &'a Index<'a>,
    known: &'a [Option<Arc<FactoryInfo>>],
    found: RefCell<HashMap<(Pattern, Requirement), List, RandomState>>,
}

wirework::opaque!(Lists<'_>);

impl<'a> Lists<'a> {
    /// Over components whose factories are `known`, by position; where a factory is not, its component offers nothing.
    #[must_use]
    pub fn new(index: &'a Index<'a>, known: &'a [Option<Arc<FactoryInfo>>]) -> Self {
        Self { index, known, found: RefCell::default() }
    }

    /// The components that match a resolved pattern and offer what is asked.
    pub fn find(&self, pattern: Pattern, asked: Requirement) -> List {
        let (index, known) = (self.index, self.known);
        let find = |(pattern, asked): &(Pattern, Requirement)| -> List {
            let matches = index.find(pattern).into_iter();
            matches.filter(|position| offers(known, *position, *asked)).collect()
        };
        match self.found.borrow_mut().entry((pattern, asked)) {
            std::collections::hash_map::Entry::Occupied(entry) => Arc::clone(entry.get()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let list = find(entry.key());
                Arc::clone(entry.insert(list))
            }
        }
    }

    /// The index it asks.
    #[must_use]
    pub fn index(&self) -> &'a Index<'a> {
        self.index
    }
}

fn offers(known: &[Option<Arc<FactoryInfo>>], position: u32, asked: Requirement) -> bool {
    match (asked, known.get(position as usize)) {
        (Requirement::Anything, _) => true,
        (Requirement::Unmade, known) => known.is_none_or(Option::is_none),
        (Requirement::Capability(id), Some(Some(known))) => known.offer(id).is_some(),
        _ => false,
    }
}
