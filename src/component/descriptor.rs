//! The names of components: five tokens, `group:type:kind:name:version`.
//!
//! A [`Descriptor`] names one component and is compared token by token. A [`Pattern`] asks for components: any of
//! its tokens may be `*`, and `{name}` stands for the name of the component that asks. Matching is asymmetric: a
//! pattern matches a descriptor. (Pip.Services matches symmetrically and calls it equality, so that its equality is
//! not transitive; here a descriptor is a key.)

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Category, Coded};

/// The names of the five tokens, in their order.
pub const TOKENS: [&str; 5] = ["group", "type", "kind", "name", "version"];

/// The longest descriptor or pattern, in bytes.
pub const MAX_LEN: usize = 1024;

/// Why a text is no descriptor or no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Not five tokens.
    #[error("`{text}` has {found} of the five tokens `group:type:kind:name:version`")]
    TokenCount {
        /// The text as it was given.
        text: String,
        /// How many tokens it has.
        found: usize,
    },
    /// A token is empty.
    #[error("the {token} of `{text}` is empty; the five tokens are `group:type:kind:name:version`")]
    EmptyToken {
        /// The text as it was given.
        text: String,
        /// Which token, by its name.
        token: &'static str,
    },
    /// A wildcard where a name of one component is wanted.
    #[error(
        "the {token} of `{text}` is a wildcard; a component needs a descriptor without `*` or `{{name}}`"
    )]
    Wildcard {
        /// The text as it was given.
        text: String,
        /// Which token, by its name.
        token: &'static str,
    },
    /// `*`, `{` or `}` inside a longer token.
    #[error("the {token} of `{text}` holds `*` or braces; `*` and `{{name}}` stand for a whole token")]
    PartialWildcard {
        /// The text as it was given.
        text: String,
        /// Which token, by its name.
        token: &'static str,
    },
    /// Longer than [`MAX_LEN`] bytes.
    #[error("a descriptor has at most {MAX_LEN} bytes, this one has {found}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
}

impl Coded for DescriptorError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_DESCRIPTOR"
    }
}

/// Five checked tokens in one shared text, with the offsets at which they end.
#[derive(Clone)]
struct Tokens {
    text: Arc<str>,
    ends: [u16; 5],
}

impl Tokens {
    fn parse(text: &str) -> Result<Self, DescriptorError> {
        if text.len() > MAX_LEN {
            return Err(DescriptorError::TooLong { found: text.len() });
        }
        // One pass, since a large manifest has hundreds of thousands of them.
        let (mut tokens, mut ends, mut found, mut trimmed) = ([""; 5], [0; 5], 0, false);
        for token in text.split(':') {
            if let (Some(place), Some(end)) = (tokens.get_mut(found), ends.get_mut(found)) {
                *place = token.trim();
                trimmed |= place.len() < token.len();
                *end = offset(text, token) + token.len();
            }
            found += 1;
        }
        if found != 5 {
            return Err(DescriptorError::TokenCount { text: text.to_owned(), found });
        }
        for (token, name) in tokens.into_iter().zip(TOKENS) {
            if token.is_empty() {
                return Err(DescriptorError::EmptyToken { text: text.to_owned(), token: name });
            }
            if token.bytes().any(|byte| matches!(byte, b'*' | b'{' | b'}')) && !is_wildcard(token) {
                return Err(DescriptorError::PartialWildcard { text: text.to_owned(), token: name });
            }
        }
        if trimmed {
            return Ok(Self::join(tokens.into_iter()));
        }
        Ok(Self { text: text.into(), ends: ends.map(|end| u16::try_from(end).unwrap_or(u16::MAX)) })
    }

    /// Joins five tokens that are known to be good and, together, at most [`MAX_LEN`] bytes.
    fn join<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::with_capacity(64);
        let mut ends = [0; 5];
        for (end, token) in ends.iter_mut().zip(tokens) {
            if !text.is_empty() {
                text.push(':');
            }
            text.push_str(token);
            *end = u16::try_from(text.len()).unwrap_or(u16::MAX);
        }
        Self { text: text.into(), ends }
    }

    fn get(&self, index: usize) -> &str {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).map_or(0, |end| usize::from(*end) + 1),
        };
        let end = self.ends.get(index).map_or(0, |end| usize::from(*end));
        self.text.get(start..end).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..5).map(|index| self.get(index))
    }
}

/// Where `part` begins in `whole`, of which it is a slice.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

fn is_wildcard(token: &str) -> bool {
    token == "*" || token == "{name}"
}

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
pub struct Descriptor(Tokens);

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
    pub(super) fn prefix(&self) -> &str {
        let [_, _, end, ..] = self.0.ends;
        self.0.text.get(..usize::from(end)).unwrap_or_default()
    }
}

impl FromStr for Descriptor {
    type Err = DescriptorError;

    fn from_str(text: &str) -> Result<Self, DescriptorError> {
        let tokens = Tokens::parse(text)?;
        if let Some((_, token)) = tokens.iter().zip(TOKENS).find(|(token, _)| is_wildcard(token)) {
            return Err(DescriptorError::Wildcard { text: text.to_owned(), token });
        }
        Ok(Self(tokens))
    }
}

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

    /// Whether a text is a well-formed pattern; for constants, checked when the program is compiled.
    #[must_use]
    pub const fn is_valid(text: &str) -> bool {
        const_check::is_pattern(text.as_bytes())
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

/// The grammar of patterns for the compiler: stricter than [`Pattern`], constants take no spaces.
mod const_check {
    pub(super) const fn is_pattern(text: &[u8]) -> bool {
        let (mut at, mut start, mut tokens) = (0, 0, 0);
        while at <= text.len() {
            if at == text.len() || text[at] == b':' {
                if !is_token(text, start, at) {
                    return false;
                }
                (tokens, start) = (tokens + 1, at + 1);
            }
            at += 1;
        }
        tokens == 5 && text.len() <= super::MAX_LEN
    }

    const fn is_token(text: &[u8], start: usize, end: usize) -> bool {
        if start == end || is(text, start, end, b"*") || is(text, start, end, b"{name}") {
            return start != end;
        }
        let mut at = start;
        while at < end {
            if matches!(text[at], b'*' | b'{' | b'}' | b' ' | b'\t' | b'\n') {
                return false;
            }
            at += 1;
        }
        true
    }

    const fn is(text: &[u8], start: usize, end: usize, word: &[u8]) -> bool {
        if end - start != word.len() {
            return false;
        }
        let mut at = 0;
        while at < word.len() {
            if text[start + at] != word[at] {
                return false;
            }
            at += 1;
        }
        true
    }
}

macro_rules! by_text {
    ($($name:ident),*) => { $(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool { self.as_str() == other.as_str() }
        }
        impl Eq for $name {}
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) { self.as_str().hash(state); }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> { Some(self.cmp(other)) }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering { self.as_str().cmp(other.as_str()) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "`{}`", self.as_str()) }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str { self.as_str() }
        }
    )* };
}
by_text!(Descriptor, Pattern);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!(fail(&"x".repeat(2000)), "a descriptor has at most 1024 bytes, this one has 2000");
    }

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
        fn text_survives_a_round_trip(tokens in prop::collection::vec("[a-zA-Z0-9._éž-]{1,9}", 5)) {
            let text = tokens.join(":");
            let descriptor: Descriptor = text.parse().unwrap();
            prop_assert_eq!(descriptor.as_str(), &text);
            for (index, token) in tokens.iter().enumerate() {
                prop_assert_eq!(descriptor.token(index), token);
            }
        }

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

        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = text.parse::<Descriptor>();
            let _ = text.parse::<Pattern>();
        }
    }
}
