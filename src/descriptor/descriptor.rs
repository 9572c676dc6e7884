//! The names of components: five tokens, `group:type:kind:name:version`.
//!
//! A [`Descriptor`] names one component and is compared token by token. A [`Pattern`] asks for components: any of
//! its tokens may be `*`, and `{name}` stands for the name of the component that asks. Matching is asymmetric: a
//! pattern matches a descriptor. (Pip.Services matches symmetrically and calls it equality, so that its equality is
//! not transitive; here a descriptor is a key.)
use std::str::FromStr;

use super::tokens::{DescriptorError, TOKENS, Tokens, by_text, is_wildcard};

/// The name of one component: `group:type:kind:name:version`, no token empty or a wildcard.
///
/// Cloning is cheap; equality and hashing go by all five tokens.
///
/// ```
/// use wirework::Descriptor;
/// let descriptor: Descriptor = "pip-services:connection:mqtt: default :1.0".parse()?;
/// assert_eq!(descriptor.name(), "default");
/// assert_eq!(descriptor.to_string(), "pip-services:connection:mqtt:default:1.0");
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone)]
pub struct Descriptor(pub(super) Tokens);

impl Descriptor {
    /// The first token: who defines the component.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.get(0)
    }
    /// The second token: what it is for, such as `logger`.
    #[must_use]
    pub fn r#type(&self) -> &str {
        self.0.get(1)
    }
    /// The third token: which implementation, such as `console`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.get(2)
    }
    /// The fourth token: which instance.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get(3)
    }
    /// The fifth token: the version of the interface; compared as text.
    #[must_use]
    pub fn version(&self) -> &str {
        self.0.get(4)
    }
    /// All five tokens joined by `:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
    /// The token at `index`, 0 to 4; empty beyond.
    #[must_use]
    pub fn token(&self, index: usize) -> &str {
        self.0.get(index)
    }

    /// The first three tokens: group, type and kind.
    pub(crate) fn prefix(&self) -> &str {
        let [_, _, end, ..] = self.0.ends;
        self.0.text.get(..usize::from(end)).unwrap_or_default()
    }
}

impl FromStr for Descriptor {
    type Err = DescriptorError;

    fn from_str(text: &str) -> Result<Self, DescriptorError> {
        if let Some(plain) = Tokens::plain(text) {
            return Ok(Self(plain));
        }
        let tokens = Tokens::parse(text)?;
        if let Some((_, token)) = tokens.iter().zip(TOKENS).find(|(token, _)| is_wildcard(token)) {
            return Err(DescriptorError::Wildcard { text: text.to_owned(), token });
        }
        Ok(Self(tokens))
    }
}

by_text!(Descriptor);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::component::Pattern;

    #[test]
    fn says_what_is_wrong() {
        let fail = |text: &str| text.parse::<Descriptor>().unwrap_err().to_string();
        assert_eq!(fail("xxx"), "`xxx` has 1 of the five tokens `group:type:kind:name:version`");
        assert_eq!(
            fail("a::c:d:e"),
            "the type of `a::c:d:e` is empty; the five tokens are `group:type:kind:name:version`"
        );
        assert!(fail("a:b:c:*:e").starts_with("the name of `a:b:c:*:e` is a wildcard"));
        assert!(fail("a:b:c*:d:e").starts_with("the kind of `a:b:c*:d:e` holds `*`"));
        assert_eq!(
            fail("a:b\u{202e}:c:d:e"),
            "the type of `a:b\\u{202e}:c:d:e` holds `\\u{202e}`, which a name cannot hold"
        );
        assert_eq!(fail(&"x".repeat(2000)), "a descriptor has at most 1024 bytes, this one has 2000");
    }

    proptest! {
        #[test]
        fn text_survives_a_round_trip(tokens in prop::collection::vec("[a-zA-Z0-9._éž-]{1,9}", 5)) {
            let text = tokens.join(":");
            let descriptor: Descriptor = text.parse().unwrap();
            prop_assert_eq!(descriptor.as_str(), &text);
            for (index, token) in tokens.iter().enumerate() {
                prop_assert_eq!(descriptor.token(index), token);
            }
        }

        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = text.parse::<Descriptor>();
            let _ = text.parse::<Pattern>();
        }
    }
}
