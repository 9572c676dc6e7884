//! A URI whose user-info is never shown.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{UriError, UriParts};
use crate::config::Secret;

/// The URI of one or several servers, checked when it is made.
///
/// `scheme://[user[:password]@]host[:port][,host2[:port2]][/path][?key=value&…]`. User name, password and query are
/// percent-decoded (`+` stays a plus); the last `@` before the path ends the user-info, so an `@` in a password needs no
/// escape, while `/`, `?`, `#` and `%` do; IPv6 addresses stand in brackets. `Debug` and `Display` show `…` for the
/// user-info and for the values of parameters.
///
/// ```
/// use wirework::connect::Uri;
/// let uri: Uri = "mqtt://ann:p@ss%2Fword@[::1]:1883,broker-2?ca=x".parse()?;
/// assert_eq!(uri.to_string(), "mqtt://…@[::1]:1883,broker-2?ca=…");
/// assert_eq!(uri.parts().password.as_ref().map(|password| password.expose()), Some("p@ss/word"));
/// assert_eq!(uri.parts().hosts.len(), 2);
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone)]
pub struct Uri {
    text: Secret,
    parts: Arc<UriParts>,
    /// Whether what it says is in the fields of a connection already, with what wins over it.
    is_taken_apart: bool,
}

impl Uri {
    /// What the URI says.
    #[must_use]
    pub fn parts(&self) -> &UriParts {
        &self.parts
    }

    /// The text as it was given, password and all; for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The query as it was given, without its `?`; none where it is empty. It may be secret.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        // No `?` stands before it: it is escaped in the user-info.
        let (_, query) = self.expose().split_once('?')?;
        (!query.is_empty()).then_some(query)
    }

    /// The URI as it may be shown: `…` for the user-info and for the values of parameters.
    #[must_use]
    pub fn masked(&self) -> String {
        self.parts.to_masked()
    }

    /// The same URI, of which a connection has everything already: taken apart once more, it would win over fields that have won over it,
    /// and the port of one of its hosts would become that of the others.
    pub(crate) fn taken_apart(&self) -> Self {
        Self { is_taken_apart: true, ..self.clone() }
    }

    /// Whether a connection has everything of it already.
    pub(crate) fn is_taken_apart(&self) -> bool {
        self.is_taken_apart
    }

    /// Writes parts as a URI.
    ///
    /// # Errors
    /// Whatever a string made of them would fail with, and [`UriError::BadParts`] where it would read differently.
    pub fn compose(parts: UriParts) -> Result<Self, UriError> {
        let uri: Self = parts.to_text().parse()?;
        if *uri.parts == parts { Ok(uri) } else { Err(UriError::BadParts) }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Ok(Self { parts: Arc::new(UriParts::parse(text)?), text: Secret::new(text), is_taken_apart: false })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a secret, so that the text does not stay in memory.
        Secret::deserialize(deserializer)?.expose().parse().map_err(refuse)
    }
}

/// Reads a URI, and an empty string as none: an unset parameter leaves one.
pub(crate) fn deserialize_filled<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Uri>, D::Error> {
    match Option::<Secret>::deserialize(deserializer)? {
        Some(text) if !text.expose().is_empty() => text.expose().parse().map(Some).map_err(refuse),
        _ => Ok(None),
    }
}

/// Puts the error into the "expected" part of a serde error: that part is always shown, while a custom message is
/// suppressed because it may quote the value.
fn refuse<E: de::Error>(error: UriError) -> E {
    let expected = format!("a URI of a server ({error})");
    E::invalid_value(de::Unexpected::Other("a string"), &expected.as_str())
}

impl JsonSchema for Uri {
    fn schema_name() -> Cow<'static, str> {
        "Uri".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Not `format: uri`: a list of hosts is none. `x-user-info` tells whoever prints it to mask the user-info.
        json_schema!({ "type": "string", "x-user-info": true })
    }
}

#[cfg(test)]
mod tests;
