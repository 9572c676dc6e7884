//! What can be wrong with a URI. No variant carries any of the text.

use std::fmt;

use crate::{Category, Coded};

/// How many hosts a URI may name. Each of them becomes a connection that keeps the whole URI.
pub(super) const MAX_HOSTS: usize = 64;

/// Where in a URI a percent-escape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriPart {
    /// Before the `@`.
    User,
    /// Between the first `:` and the `@`.
    Password,
    /// Before the `?`.
    Path,
    /// After the `?`.
    Query,
}

impl fmt::Display for UriPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user name",
            Self::Password => "password",
            Self::Path => "path",
            Self::Query => "query",
        })
    }
}

/// Why a string is no URI of a server. The text is never part of the message: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Nothing at all.
    #[error("the URI is empty; write `scheme://host:port`")]
    Empty,
    /// No `://`.
    #[error("the URI has no scheme; write `scheme://host:port`, such as `mqtt://localhost:1883`")]
    NoScheme,
    /// Something else than letters, digits, `+`, `-` and `.` before `://`.
    #[error("the URI's scheme is no word; write `scheme://host:port`, such as `mqtt://localhost:1883`")]
    BadScheme,
    /// A blank or control character.
    #[error("the URI holds a blank or control character; write it as a percent-escape, a blank as `%20`")]
    Blank,
    /// A `#`: servers have no fragment.
    #[error("the URI holds a `#`; inside a password or path write it as `%23`")]
    Fragment,
    /// An `@` behind the end of the hosts: most likely a password with a `/` or `?`.
    #[error(
        "the URI holds an `@` after its first `/` or `?`; inside a password write `/` as `%2F` and `?` as `%3F`, \
         elsewhere `@` as `%40`"
    )]
    LateAt,
    /// More hosts than a URI may name.
    #[error("the URI names more than {MAX_HOSTS} hosts; name fewer, or one that stands for many")]
    TooManyHosts,
    /// A host is missing before a port, between commas or after an `@`.
    #[error(
        "the URI names no host where one must stand; write `scheme://user:password@host:port,host2:port2`"
    )]
    EmptyHost,
    /// A character that no host name has.
    #[error("a host of the URI is no name and no address")]
    BadHost,
    /// Brackets do not hold an IPv6 address, or one has no brackets.
    #[error("an IPv6 address of the URI cannot be read; write it in brackets, such as `[::1]:1883`")]
    BadAddress,
    /// A port that is no number or too large.
    #[error("a port of the URI is no number from 0 to 65535")]
    BadPort,
    /// A `%` without two hexadecimal digits.
    #[error("a `%` in the {part} of the URI starts no escape; write the character itself as `%25`")]
    BadEscape {
        /// Where it is.
        part: UriPart,
    },
    /// Escapes that make no UTF-8.
    #[error("the {part} of the URI is not UTF-8 after its escapes are replaced")]
    NotText {
        /// Where it is.
        part: UriPart,
    },
    /// `?=value`.
    #[error("a parameter of the URI's query has no name; write `?name=value`")]
    NoParameterName,
    /// Parts from which no string can be made that reads back as they are.
    #[error("the parts make no URI: the path must start with `/` and escape what is not its own")]
    BadParts,
}

impl Coded for UriError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_URI"
    }
}
