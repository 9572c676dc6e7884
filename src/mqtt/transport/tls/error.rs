//! What can be wrong with TLS.

use std::path::PathBuf;

use crate::error::{Category, Coded};
use crate::file::ReadError;

/// The cause below a [`TlsError`].
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a connection with TLS cannot be made. Nothing of a private key is ever shown.
#[derive(Debug, thiserror::Error)]
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
        source: Cause,
    },
    /// Certificate and key cannot be used, most likely because they do not belong together.
    #[error(
        "the private key in `tls.key_file` (`{}`) cannot be used with the first certificate in `tls.cert_file` (`{}`); both \
         must be of one pair",
        key_file.display(),
        cert_file.display()
    )]
    BadIdentity {
        /// The file of the certificate.
        cert_file: PathBuf,
        /// The file of the key.
        key_file: PathBuf,
        /// Why.
        source: Cause,
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
    #[error("TLS with `{server_name}` failed{advice}")]
    Handshake {
        /// The name that the broker's certificate must have.
        server_name: String,
        /// What may help; begins with `; `, or is empty.
        advice: &'static str,
        /// Why, as rustls says it.
        source: Cause,
    },
    /// TLS broke after the handshake: with version 1.3, that is when a broker refuses the certificate of a client.
    #[error("the TLS session failed{advice}")]
    Session {
        /// What may help; begins with `; `, or is empty.
        advice: &'static str,
        /// Why, as rustls says it.
        source: Cause,
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
            Self::BadIdentity { .. } => "tls.key_file",
            Self::BadServerName { .. } => "tls.server_name",
            Self::NoRoots { .. } | Self::Handshake { .. } | Self::Session { .. } => "tls",
        }
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
