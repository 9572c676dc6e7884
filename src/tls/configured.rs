//! Where certificates are configured.

use std::borrow::Cow;

/// Where certificates are configured, and so where a sentence sends its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    /// By keys of the configuration, which name files.
    Keys,
    /// In a [`TlsPem`](super::TlsPem) of the program.
    Pem,
}

impl Configured {
    /// How the setting of the authorities to trust is written.
    pub(super) const fn authorities(self) -> &'static str {
        match self {
            Self::Keys => "`tls.ca_file`",
            Self::Pem => "`TlsPem::authorities`",
        }
    }

    /// The setting of a certificate or key of this client, which has this key.
    pub(super) fn identity(self, key: &str) -> Cow<'static, str> {
        match self {
            Self::Keys => format!("`{key}`").into(),
            Self::Pem => "`TlsPem::identity`".into(),
        }
    }

    /// These keys of the configuration, or that of all TLS.
    pub(super) const fn keys(self, keys: &'static [&'static str]) -> &'static [&'static str] {
        match self {
            Self::Keys => keys,
            Self::Pem => &["tls"],
        }
    }
}
