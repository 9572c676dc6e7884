//! The errors of TLS.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

#[cfg(feature = "tls")]
use crate::config::Invalid;
use crate::error::{Category, Coded, chain};
use crate::file::ReadError;

/// What is wrong with a certificate, a key or a handshake, and what helps, where something does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    what: Cow<'static, str>,
    remedy: Option<Cow<'static, str>>,
    keys: &'static [&'static str],
}

impl TlsFailure {
    #[cfg(feature = "tls")]
    pub(crate) fn new(what: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details { what: what.into(), remedy: Some(remedy.into()), keys: &[] }))
    }

    /// One without a remedy.
    #[cfg(feature = "tls")]
    pub(crate) fn only(what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details { what: what.into(), remedy: None, keys: &[] }))
    }

    /// The same about these keys of the configuration.
    #[cfg(feature = "tls")]
    pub(crate) fn about(mut self, keys: &'static [&'static str]) -> Self {
        self.0.keys = keys;
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What helps.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for TlsFailure {}

/// Where certificates or a key are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsPlace {
    /// In a file.
    File {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// In a [`TlsPem`](crate::mqtt::TlsPem).
    Memory {
        /// Which text of it.
        what: &'static str,
    },
}

impl TlsPlace {
    /// The configuration key of a file; of a string in memory, that of all TLS.
    const fn key(&self) -> &'static str {
        match self {
            Self::File { key, .. } => key,
            Self::Memory { .. } => "tls",
        }
    }
}

impl fmt::Display for TlsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { key, path } => write!(f, "`{key}`: the file `{}`", path.display()),
            Self::Memory { what } => write!(f, "`TlsPem`: the text given for the {what}"),
        }
    }
}

/// Why a connection with TLS cannot be made. Nothing of a private key is ever shown. Its `Debug` is the message with all causes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{place} cannot be read")]
    Unreadable {
        /// Which.
        place: TlsPlace,
        /// Why: the error of the system, no regular file, or a large one.
        source: ReadError,
    },
    /// A file is PEM, but of something else, or no PEM at all.
    #[error("{place} holds no {wanted} in PEM, but {found}")]
    Missing {
        /// Where.
        place: TlsPlace,
        /// What should be there.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// PEM that cannot be read.
    #[error("{place} is no sound PEM: {problem}")]
    BadPem {
        /// Where.
        place: TlsPlace,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate that cannot be understood.
    #[error("{place} has a certificate, number {number}, that cannot be used")]
    BadCertificate {
        /// Where.
        place: TlsPlace,
        /// Which of the certificates in it, from 1.
        number: usize,
        /// Why.
        source: TlsFailure,
    },
    /// A private key that cannot be used, whatever its certificate.
    #[error("{place} has a private key that cannot be used")]
    BadKey {
        /// Where.
        place: TlsPlace,
        /// Why.
        source: TlsFailure,
    },
    /// Certificate and key do not belong together.
    #[error("{key} has a private key that cannot be used with the first certificate of {certificate}")]
    BadIdentity {
        /// Where the certificate is.
        certificate: TlsPlace,
        /// Where the key is.
        key: TlsPlace,
        /// Why.
        source: TlsFailure,
    },
    /// The system trusts nobody.
    #[error("no certificate authority of this system can be used{found}; give `tls.ca_file`")]
    NoRoots {
        /// What was found instead.
        found: String,
    },
    /// A name that no certificate can have.
    #[error(
        "`{name}` is neither a host name nor an address; `tls.server_name` says which name the certificate has"
    )]
    BadServerName {
        /// The name.
        name: String,
    },
    /// The two sides do not agree.
    #[error("TLS{} failed", with(server_name))]
    Handshake {
        /// The name that the server's certificate must have.
        server_name: String,
        /// Why.
        source: TlsFailure,
    },
    /// TLS broke after the handshake: with version 1.3, that is when a server refuses the certificate of a client.
    #[error("the TLS session failed")]
    Session {
        /// Why.
        source: TlsFailure,
    },
}

/// With whom, where a name is known: an address of its own may have none.
fn with(server_name: &str) -> String {
    if server_name.is_empty() { String::new() } else { format!(" with `{server_name}`") }
}

impl TlsError {
    /// The same as what `check` says of a section.
    #[cfg(feature = "tls")]
    pub(crate) fn invalid(&self) -> Invalid {
        let key = self.key();
        let chain = chain(self);
        let problem = chain.strip_prefix(&format!("`{key}`: ")).unwrap_or(&chain);
        Invalid::new(key, format!("cannot be used: {problem}")).with_code(self.code())
    }

    /// The key that says what is wrong.
    #[cfg(feature = "tls")]
    const fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { place, .. }
            | Self::Missing { place, .. }
            | Self::BadPem { place, .. }
            | Self::BadCertificate { place, .. }
            | Self::BadKey { place, .. }
            | Self::BadIdentity { key: place, .. } => place.key(),
            Self::BadServerName { .. } => "tls.server_name",
            Self::NoRoots { .. } | Self::Handshake { .. } | Self::Session { .. } => "tls",
        }
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

impl Coded for TlsError {
    fn category(&self) -> Category {
        match self {
            Self::Handshake { .. } | Self::Session { .. } => Category::NoResponse,
            _ => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Handshake { .. } | Self::Session { .. } => "TLS_FAILED",
            _ => "BAD_TLS_CONFIG",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        let at = |places: &[&TlsPlace]| places.iter().map(|place| place.key().into()).collect();
        let of = |failure: &TlsFailure| failure.0.keys.iter().map(|key| Cow::from(*key)).collect();
        match self {
            Self::Unreadable { place, .. }
            | Self::Missing { place, .. }
            | Self::BadPem { place, .. }
            | Self::BadCertificate { place, .. }
            | Self::BadKey { place, .. } => at(&[place]),
            Self::BadIdentity { certificate, key, .. } => at(&[key, certificate]),
            Self::NoRoots { .. } => vec!["tls.ca_file".into()],
            Self::BadServerName { .. } => vec!["tls.server_name".into()],
            Self::Handshake { source, .. } | Self::Session { source } => of(source),
        }
    }
}
