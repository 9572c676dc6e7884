//! Where the routes of a component begin.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::error::{Category, Coded};

/// Where the routes of a component begin: a path of names, such as `hello_world` or `/api/v1`, with or without a `/` before and behind
/// it. An empty one, or `/`, is the root.
///
/// ```
/// use wirework::http::BaseRoute;
/// assert_eq!("hello_world/".parse::<BaseRoute>()?.as_str(), "/hello_world");
/// assert_eq!("/".parse::<BaseRoute>()?.as_str(), "");
/// assert!("../admin".parse::<BaseRoute>().is_err());
/// # Ok::<(), wirework::http::BadRoute>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BaseRoute(Box<str>);

/// Why a text is no base route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRoute {
    /// A part of it means another folder.
    #[error("`{0}` in a base route leads elsewhere; write the path that is meant")]
    Relative(String),
    /// Two slashes stand beside each other.
    #[error("two `/` beside each other have nothing between them")]
    Empty,
    /// It has a character that is no part of a name.
    #[error("`{}` has no place in a base route; letters, digits, `-`, `.`, `_` and `~` have", .0.escape_default())]
    Character(char),
}

impl Coded for BadRoute {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_ROUTE"
    }
}

impl BaseRoute {
    /// The path as requests begin with it: empty for the root, `/a/b` for others.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `below`, or what `default` names where it is nothing, under this one.
    pub(super) fn join(&self, below: Option<&Self>, default: &str) -> Self {
        match below {
            Some(below) => Self(format!("{}{}", self.0, below.0).into()),
            None => Self(format!("{}/{default}", self.0).into()),
        }
    }
}

/// So that `reserve` finds a route by a part of a path, without making one.
impl Borrow<str> for BaseRoute {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for BaseRoute {
    type Err = BadRoute;

    fn from_str(text: &str) -> Result<Self, BadRoute> {
        let text = text.trim();
        if text.contains("//") {
            return Err(BadRoute::Empty);
        }
        let path = text.strip_prefix('/').unwrap_or(text);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Self::default());
        }
        for segment in path.split('/') {
            if matches!(segment, "." | "..") {
                return Err(BadRoute::Relative(segment.to_owned()));
            }
            let is_name = |character: char| character.is_ascii_alphanumeric() || "-._~".contains(character);
            if let Some(other) = segment.chars().find(|character| !is_name(*character)) {
                return Err(BadRoute::Character(other));
            }
        }
        Ok(Self(format!("/{path}").into()))
    }
}

impl fmt::Display for BaseRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl<'de> Deserialize<'de> for BaseRoute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for BaseRoute {
    fn schema_name() -> Cow<'static, str> {
        "BaseRoute".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_around_it_do_not_matter() {
        for text in ["a/b", "/a/b", "a/b/", " /a/b/ "] {
            assert_eq!(text.parse::<BaseRoute>().unwrap().as_str(), "/a/b", "{text}");
        }
        assert_eq!(BaseRoute::default().to_string(), "/");
    }

    #[test]
    fn what_leads_elsewhere_is_none() {
        for text in ["..", "a/../b", "./a", "//", "a//b", "a b", "{id}", "*", "a?b", "%2e%2e", "a\nb", "ä"] {
            assert!(text.parse::<BaseRoute>().is_err(), "{text:?}");
        }
        assert_eq!(
            "a\u{202e}".parse::<BaseRoute>().unwrap_err().to_string(),
            "`\\u{202e}` has no place in a base route; letters, digits, `-`, `.`, `_` and `~` have"
        );
    }
}
