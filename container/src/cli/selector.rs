//! Which components a command line means.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use wirework::config::nearest;
use wirework::{Descriptor, Pattern};

/// How many parts a descriptor has.
const TOKENS: usize = 5;

/// A descriptor, a pattern with `*`, or some neighbouring parts of one: `connection:mqtt`, `mqtt`, `logger:*:main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector(Vec<String>);

/// Why a string names no components.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum SelectorError {
    #[error("a descriptor has five parts, `group:type:kind:name:version`")]
    TooLong,
    #[error("a part of it is empty")]
    Empty,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let tokens: Vec<_> = text.split(':').map(|token| token.trim().to_owned()).collect();
        if tokens.len() > TOKENS {
            Err(SelectorError::TooLong)
        } else if tokens.iter().any(String::is_empty) {
            Err(SelectorError::Empty)
        } else {
            Ok(Self(tokens))
        }
    }
}

impl Selector {
    /// Whether a component is meant.
    pub fn selects(&self, descriptor: &Descriptor) -> bool {
        self.covers(|place| descriptor.token(place))
    }

    /// Whether some components that a factory makes are meant.
    pub fn selects_some_of(&self, pattern: &Pattern) -> bool {
        self.covers(|place| pattern.token(place))
    }

    /// How many of its parts a factory's pattern has as they are, and not by a `*` of its own.
    pub fn named_by(&self, pattern: &Pattern) -> usize {
        let named = |start: usize| {
            let pairs = self.0.iter().enumerate();
            pairs.filter(|(number, wanted)| pattern.token(start + number) == wanted.as_str()).count()
        };
        self.starts().map(named).max().unwrap_or_default()
    }

    /// What was probably meant where nothing is selected: as many parts of a name as are given, misspelt or in another order.
    pub fn nearest<'n>(&self, names: impl IntoIterator<Item = [&'n str; TOKENS]>) -> Option<String> {
        let asked = self.to_string();
        let mut candidates: Vec<String> = Vec::new();
        for name in names {
            for start in self.starts() {
                let window = name.iter().skip(start).zip(&self.0);
                // What a pattern leaves open is taken as it was written.
                let parts: Vec<&str> =
                    window.map(|(part, wanted)| if *part == "*" { wanted.as_str() } else { *part }).collect();
                let candidate = parts.join(":");
                if candidate != asked && !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        let sorted = |text: &str| {
            let mut parts: Vec<_> = text.split(':').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        let wanted = sorted(&asked);
        let swapped = |candidate: &&String| sorted(candidate) == wanted;
        // `queue` for `message-queue`.
        let short = |candidate: &&String| {
            candidate
                .split(':')
                .zip(&self.0)
                .all(|(part, wanted)| part.split('-').any(|word| word == wanted) || part == wanted)
        };
        let found = candidates.iter().find(swapped).map(String::as_str);
        let found = found.or_else(|| nearest(&asked, candidates.iter().map(String::as_str)));
        found.or_else(|| candidates.iter().find(short).map(String::as_str)).map(str::to_owned)
    }

    /// At which places of a name its parts may stand.
    fn starts(&self) -> std::ops::RangeInclusive<usize> {
        0..=TOKENS - self.0.len().min(TOKENS)
    }

    fn covers<'t>(&self, token: impl Fn(usize) -> &'t str) -> bool {
        let at = |start: usize| {
            let mut tokens = self.0.iter().enumerate();
            tokens.all(|(number, wanted)| {
                wanted == "*" || [wanted.as_str(), "*"].contains(&token(start + number))
            })
        };
        // A `*` of a pattern alone is not what a part of a name means.
        let named = |start: usize| {
            self.0.iter().enumerate().any(|(number, wanted)| wanted == "*" || token(start + number) == wanted)
        };
        self.starts().any(|start| at(start) && named(start))
    }
}

/// The parts of a descriptor.
pub(super) fn tokens_of(descriptor: &Descriptor) -> [&str; TOKENS] {
    std::array::from_fn(|place| descriptor.token(place))
}

/// The parts of a pattern.
pub(super) fn tokens_of_pattern(pattern: &Pattern) -> [&str; TOKENS] {
    std::array::from_fn(|place| pattern.token(place))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_select() {
        let descriptor: Descriptor = "pip-services:connection:mqtt:main:1.0".parse().unwrap();
        let pattern: Pattern = "pip-services:connection:mqtt:*:1.0".parse().unwrap();
        for (text, one, some) in [
            ("pip-services:connection:mqtt:main:1.0", true, true),
            ("*:connection:*:*:*", true, true),
            ("connection:mqtt", true, true),
            (" mqtt ", true, true),
            ("mqtt:main", true, true),
            ("mqtt:other", false, true),
            ("main", true, false),
            ("mqt", false, false),
            ("connection:main", false, false),
            ("*", true, true),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(
                (selector.selects(&descriptor), selector.selects_some_of(&pattern)),
                (one, some),
                "{text}"
            );
        }
        for (text, meant) in [
            ("mqqt", Some("mqtt")),
            ("conection:mqtt", Some("connection:mqtt")),
            ("mqtt:connection", Some("connection:mqtt")),
            ("pip-services:conection:mqtt:main:1.0", Some("pip-services:connection:mqtt:main:1.0")),
            ("queue:mqtt", None),
            ("services", Some("pip-services")),
            ("kafka", None),
        ] {
            let selector: Selector = text.parse().unwrap();
            let names = [tokens_of_pattern(&pattern)];
            assert_eq!(selector.nearest(names).as_deref(), meant, "{text}");
        }
        let bridge: Pattern = "pip-services:bridge:message-queue:*:1.0".parse().unwrap();
        let selector: Selector = "message-queue:mqtt".parse().unwrap();
        assert_eq!((selector.named_by(&bridge), selector.named_by(&pattern)), (1, 1));
        assert_eq!("a:b:c:d:1.0:f".parse::<Selector>(), Err(SelectorError::TooLong));
        assert_eq!("a::b".parse::<Selector>(), Err(SelectorError::Empty));
    }
}
