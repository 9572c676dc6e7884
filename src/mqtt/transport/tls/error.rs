//! What can be wrong with TLS.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use crate::error::{Category, Coded, chain};
use crate::file::ReadError;

/// What is wrong with a certificate, a key or a handshake, and what helps, where something does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    what: Cow<'static, str>,
    cure: Option<Cow<'static, str>>,
}

impl TlsFailure {
    #[cfg(feature = "tls")]
    pub(super) fn new(what: impl Into<Cow<'static, str>>, cure: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), cure: Some(cure.into()) }
    }

    /// One without a cure.
    #[cfg(feature = "tls")]
    pub(super) fn only(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), cure: None }
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What helps.
    #[must_use]
    pub fn cure(&self) -> Option<&str> {
        self.cure.as_deref()
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.cure().map_or(Ok(()), |cure| write!(f, "; {cure}"))
    }
}

impl std::error::Error for TlsFailure {}

/// Why a connection with TLS cannot be made. Nothing of a private key is ever shown. Its `Debug` is the message with all causes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}`: the file `{}` cannot be read", path.display())]
    Unreadable {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why: the error of the system, no regular file, or a large one.
        source: ReadError,
    },
    /// A file is PEM, but of something else, or no PEM at all.
    #[error("`{key}`: the file `{}` holds no {wanted} in PEM, but {found}", path.display())]
    Missing {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What it holds.
        found: String,
    },
    /// PEM that cannot be read.
    #[error("`{key}`: the file `{}` is no sound PEM: {problem}", path.display())]
    BadPem {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate that cannot be understood.
    #[error("`{key}`: certificate {number} in the file `{}` cannot be used", path.display())]
    BadCertificate {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Which of the certificates in it, from 1.
        number: usize,
        /// Why.
        source: TlsFailure,
    },
    /// A private key that cannot be used, whatever its certificate.
    #[error("`tls.key_file`: the private key in the file `{}` cannot be used", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TlsFailure,
    },
    /// Certificate and key do not belong together.
    #[error(
        "the private key in `tls.key_file` (`{}`) cannot be used with the first certificate in `tls.cert_file` (`{}`)",
        key_file.display(),
        cert_file.display()
    )]
    BadIdentity {
        /// The file of the certificate.
        cert_file: PathBuf,
        /// The file of the key.
        key_file: PathBuf,
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
    #[error("TLS with `{server_name}` failed")]
    Handshake {
        /// The name that the broker's certificate must have.
        server_name: String,
        /// Why.
        source: TlsFailure,
    },
    /// TLS broke after the handshake: with version 1.3, that is when a broker refuses the certificate of a client.
    #[error("the TLS session failed")]
    Session {
        /// Why.
        source: TlsFailure,
    },
}

impl TlsError {
    /// The key that says what is wrong.
    #[cfg(feature = "tls")]
    pub(super) const fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. }
            | Self::Missing { key, .. }
            | Self::BadPem { key, .. }
            | Self::BadCertificate { key, .. } => key,
            Self::BadKey { .. } | Self::BadIdentity { .. } => "tls.key_file",
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
}
