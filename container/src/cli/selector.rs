//! Which components a command line means.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use wirework::{Descriptor, Pattern};

/// How many parts a descriptor has.
const TOKENS: usize = 5;

/// A descriptor, a pattern with `*`, or some neighbouring parts of one: `connection:mqtt`, `mqtt`, `logger:*:main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector(Vec<String>);

/// Why a text names no components.
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
        (0..=TOKENS - self.0.len().min(TOKENS)).any(|start| at(start) && named(start))
    }
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
        assert_eq!("a:b:c:d:1.0:f".parse::<Selector>(), Err(SelectorError::TooLong));
        assert_eq!("a::b".parse::<Selector>(), Err(SelectorError::Empty));
    }
}
