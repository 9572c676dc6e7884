//! Finding components by pattern without scanning them all.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use once_cell::unsync::OnceCell;
use wirework::{Descriptor, Pattern};

/// The descriptors of a plan: by their whole text for complete patterns, by token for the others.
pub struct Index<'a> {
    all: &'a [Descriptor],
    exact: HashMap<&'a str, u32, RandomState>,
    /// By each of the five tokens; made when the first pattern with a wildcard asks for that token.
    tokens: [OnceCell<Positions<'a>>; 5],
}

wirework::opaque!(Index<'_>);

/// By token, the positions of the descriptors that have it in one place.
type Positions<'a> = HashMap<&'a str, Vec<u32>, RandomState>;

impl<'a> Index<'a> {
    /// Indexes descriptors, which are known to be distinct, by their position.
    #[must_use]
    pub fn new(all: &'a [Descriptor]) -> Self {
        let exact = all.iter().map(Descriptor::as_str).zip(0..).collect();
        Self { all, exact, tokens: Default::default() }
    }

    /// The positions of all descriptors that `pattern` matches, ascending. A complete pattern costs one lookup; any
    /// other costs as much as its rarest token is common.
    #[must_use]
    pub fn find(&self, pattern: &Pattern) -> Vec<u32> {
        if let Some(&found) = self.exact.get(pattern.as_str()) {
            return vec![found];
        }
        match self.rarest(pattern) {
            Rarest::Complete => Vec::new(),
            Rarest::Any => (0..).take(self.all.len()).collect(),
            Rarest::Token(positions) => {
                positions.iter().copied().filter(|at| self.matches(pattern, *at)).collect()
            }
        }
    }

    fn matches(&self, pattern: &Pattern, position: u32) -> bool {
        self.all.get(position as usize).is_some_and(|descriptor| pattern.matches(descriptor))
    }

    fn rarest(&self, pattern: &Pattern) -> Rarest<'_> {
        if pattern.specificity() == 5 {
            return Rarest::Complete;
        }
        let concrete = self.tokens.iter().enumerate().filter_map(|(place, positions)| {
            let token = pattern.token(place);
            let positions = || positions.get_or_init(|| self.by_token(place));
            (token != "*").then(|| positions().get(token).map_or(&[][..], Vec::as_slice))
        });
        concrete.min_by_key(|positions| positions.len()).map_or(Rarest::Any, Rarest::Token)
    }

    fn by_token(&self, place: usize) -> Positions<'a> {
        let mut positions: Positions<'a> = HashMap::default();
        for (descriptor, at) in self.all.iter().zip(0..) {
            positions.entry(descriptor.token(place)).or_default().push(at);
        }
        positions
    }
}

enum Rarest<'a> {
    /// No wildcard in it: the lookup by the whole text has answered.
    Complete,
    /// Nothing but wildcards.
    Any,
    /// These have its rarest token.
    Token(&'a [u32]),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(
            names in prop::collection::hash_set("[ab]:[abc]:[ab]:[a-e]:1", 0..40),
            pattern in "([ab*]):([abc*]):([ab*]):([a-e*]):([1*])",
        ) {
            let all: Vec<Descriptor> = names.iter().map(|name| name.parse().unwrap()).collect();
            let pattern: Pattern = pattern.parse().unwrap();
            let scan: Vec<u32> = (0..).zip(&all).filter(|(_, one)| pattern.matches(one)).map(|(at, _)| at).collect();
            prop_assert_eq!(Index::new(&all).find(&pattern), scan);
        }
    }
}
