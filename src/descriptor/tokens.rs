//! Five tokens, `group:type:kind:name:version`: what descriptors and patterns are made of.

use std::sync::Arc;

use crate::error::{Category, Coded};
use crate::text::{Escaped, is_unsafe};

/// The names of the five tokens, in their order.
pub const TOKENS: [&str; 5] = ["group", "type", "kind", "name", "version"];

/// The longest descriptor or pattern, in bytes.
pub const MAX_LEN: usize = 1024;

/// Why a string is no descriptor or no pattern.
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
    /// A control character, or another that does not show: descriptors are printed everywhere.
    #[error("the {token} of `{}` holds `{}`, which a name cannot hold", Escaped(text), character.escape_default())]
    Unsafe {
        /// The text as it was given.
        text: String,
        /// Which token, by its name.
        token: &'static str,
        /// The first such character.
        character: char,
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
pub(super) struct Tokens {
    pub(super) text: Arc<str>,
    pub(super) ends: [u16; 5],
}

impl Tokens {
    /// Reads five tokens without a wildcard and without a blank, as nearly all are written: in one pass over the
    /// bytes, since a large manifest has hundreds of thousands of them. `None` where it takes a closer look.
    pub(super) fn plain(text: &str) -> Option<Self> {
        let len = u16::try_from(text.len()).ok().filter(|len| usize::from(*len) <= MAX_LEN)?;
        let (mut ends, mut found, mut start) = ([len; 5], 0, 0);
        for (at, byte) in (0..len).zip(text.bytes()) {
            match byte {
                b':' if at > start => {
                    *ends.get_mut(found)? = at;
                    (found, start) = (found + 1, at + 1);
                }
                b':' | b'*' | b'{' | b'}' | 0..=b' ' | 0x7f.. => return None,
                _ => {}
            }
        }
        (found == 4 && start < len).then(|| Self { text: text.into(), ends })
    }

    pub(super) fn parse(text: &str) -> Result<Self, DescriptorError> {
        if let Some(plain) = Self::plain(text) {
            return Ok(plain);
        }
        Self::parse_any(text)
    }

    fn parse_any(text: &str) -> Result<Self, DescriptorError> {
        if text.len() > MAX_LEN {
            return Err(DescriptorError::TooLong { found: text.len() });
        }
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
            if let Some(character) = token.chars().find(|character| is_unsafe(*character)) {
                return Err(DescriptorError::Unsafe { text: text.to_owned(), token: name, character });
            }
        }
        if trimmed {
            return Ok(Self::join(tokens.into_iter()));
        }
        Ok(Self { text: text.into(), ends: ends.map(|end| u16::try_from(end).unwrap_or(u16::MAX)) })
    }

    /// Joins five tokens that are known to be good and, together, at most [`MAX_LEN`] bytes.
    pub(super) fn join<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
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

    pub(super) fn get(&self, index: usize) -> &str {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).map_or(0, |end| usize::from(*end) + 1),
        };
        let end = self.ends.get(index).map_or(0, |end| usize::from(*end));
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..5).map(|index| self.get(index))
    }
}

/// Where `part` begins in `whole`, of which it is a slice.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

pub(super) fn is_wildcard(token: &str) -> bool {
    token == "*" || token == "{name}"
}

/// Compares, orders, hashes and shows a type by its text.
macro_rules! by_text {
    ($($name:ident),*) => { $(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool { self.as_str() == other.as_str() }
        }
        impl Eq for $name {}
        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) { self.as_str().hash(state); }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> { Some(self.cmp(other)) }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering { self.as_str().cmp(other.as_str()) }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "`{}`", self.as_str()) }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str { self.as_str() }
        }
    )* };
}
pub(super) use by_text;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The short way says what the long one says, or nothing.
        #[test]
        fn what_is_plain_is_read_as_any_text_is(text in "[a-c]{0,3}([:a*{} \t\u{a0}é-]|:[a-c]{1,3}){0,8}") {
            if let Some(plain) = Tokens::plain(&text) {
                let any = Tokens::parse_any(&text).unwrap();
                prop_assert_eq!((&*plain.text, plain.ends), (&*any.text, any.ends));
                prop_assert!(!any.iter().any(is_wildcard));
            }
        }
    }

    #[test]
    fn plain_texts_are_short_enough_and_have_five_tokens() {
        let long = |len: usize| format!("a:b:c:d:{}", "x".repeat(len - 8));
        assert!(Tokens::plain(&long(MAX_LEN)).is_some());
        assert!(Tokens::plain(&long(MAX_LEN + 1)).is_none());
        assert!(Tokens::plain(&long(70_000)).is_none());
        for text in
            ["", "a", "a:b:c:d", "a:b:c:d:", ":b:c:d:e", "a::c:d:e", "a:b:c:d:e:f", "a:b:c:d:e:", "a:b:*:d:e"]
        {
            assert!(Tokens::plain(text).is_none(), "{text}");
        }
    }
}
