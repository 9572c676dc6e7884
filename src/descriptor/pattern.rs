//! What asks for components: descriptors with wildcards.

use std::str::FromStr;

use super::tokens::{DescriptorError, Tokens, by_text, is_wildcard};
use super::{Descriptor, constant};

/// What a reference or a factory asks for: a descriptor in which any token may be `*`, or `{name}` for the name of
/// the component that asks.
///
/// ```
/// use wirework::{Descriptor, Pattern};
/// let pattern: Pattern = "*:logger:*:*:1.0".parse()?;
/// let console: Descriptor = "pip-services:logger:console:default:1.0".parse()?;
/// assert!(pattern.matches(&console));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone)]
pub struct Pattern(Tokens);

impl Pattern {
    /// Whether every token equals that of `descriptor` or is `*`. `{name}` matches nothing before [`Pattern::resolve`].
    #[must_use]
    pub fn matches(&self, descriptor: &Descriptor) -> bool {
        self.0.iter().zip(descriptor.0.iter()).all(|(pattern, token)| pattern == "*" || pattern == token)
    }

    /// Whether there is a descriptor that both match.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let same = |(one, two): (&str, &str)| one == "*" || two == "*" || one == two;
        self.0.iter().zip(other.0.iter()).all(same)
    }

    /// Whether it matches every descriptor that another one does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0.iter()).all(|(one, two)| one == "*" || one == two)
    }

    /// The pattern with `{name}` replaced by the name of the component that asks.
    #[must_use]
    pub fn resolve(&self, asker: &Descriptor) -> Self {
        if !self.0.text.contains('{') {
            return self.clone();
        }
        Self(Tokens::join(self.0.iter().map(|token| if token == "{name}" { asker.name() } else { token })))
    }

    /// How many tokens are neither `*` nor `{name}`; of two factories the more specific one wins.
    #[must_use]
    pub fn specificity(&self) -> usize {
        self.0.iter().filter(|token| !is_wildcard(token)).count()
    }

    /// The one descriptor it matches, where no token is a wildcard.
    #[must_use]
    pub fn as_descriptor(&self) -> Option<Descriptor> {
        (self.specificity() == 5).then(|| Descriptor(self.0.clone()))
    }

    /// The text, tokens joined by `:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The token at `index`, 0 to 4; empty beyond.
    #[must_use]
    pub fn token(&self, index: usize) -> &str {
        self.0.get(index)
    }

    /// Whether a string is a well-formed pattern as a constant is written, without blanks; also when the program is compiled.
    #[must_use]
    pub const fn is_valid(text: &str) -> bool {
        constant::fault(text).is_none()
    }
}

impl FromStr for Pattern {
    type Err = DescriptorError;

    fn from_str(text: &str) -> Result<Self, DescriptorError> {
        Tokens::parse(text).map(Self)
    }
}

impl From<Descriptor> for Pattern {
    fn from(descriptor: Descriptor) -> Self {
        Self(descriptor.0)
    }
}

by_text!(Pattern);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn name_of_the_asker_is_put_in() {
        let asker: Descriptor = "a:b:c:d:1.0".parse().unwrap();
        let pattern: Pattern = "*:x:*:{name}:1.0".parse().unwrap();
        assert!(!pattern.matches(&"a:x:y:d:1.0".parse().unwrap()));
        let pattern = pattern.resolve(&asker);
        assert_eq!(pattern.as_str(), "*:x:*:d:1.0");
        assert!(pattern.matches(&"a:x:y:d:1.0".parse().unwrap()));
        assert_eq!(pattern.specificity(), 3);
    }

    fn token() -> impl Strategy<Value = String> {
        prop_oneof![2 => "[a-z][a-z0-9.-]{0,6}", 1 => Just("*".to_owned())]
    }

    proptest! {
        #[test]
        fn pattern_matches_as_its_tokens_do(pattern in prop::collection::vec(token(), 5),
                                            concrete in prop::collection::vec("[a-c]{1,2}", 5)) {
            let expected = pattern.iter().zip(&concrete).all(|(p, c)| p == "*" || p == c);
            let parsed: Pattern = pattern.join(":").parse().unwrap();
            prop_assert_eq!(parsed.matches(&concrete.join(":").parse().unwrap()), expected);
        }

        #[test]
        fn compiler_and_parser_agree(text in "[a*{}:]{0,12}|(a|\\*|\\{name\\}|)(:(a|\\*|\\{name\\}|b\\*|)){4}") {
            prop_assert_eq!(Pattern::is_valid(&text), text.parse::<Pattern>().is_ok());
        }
    }
}
