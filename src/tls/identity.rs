//! The certificate by which this side is known, and its private key.

use std::path::Path;
use std::time::SystemTime;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::Error;

use super::configured::Configured;
use super::der::UnusableKey;
use super::error::{TlsError, TlsFailure};
use super::failure::FailureContext;
use super::pem::Source;
use super::validity::Validity;
use crate::config::{Invalid, code};
use crate::file::Exposure;

/// Where a certificate, with the intermediate ones behind it, and its private key are.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub certificate: Source<'a>,
    pub key: Source<'a>,
}

/// What TLS is spoken with: certificates, the own one first, and its key.
pub(crate) type Loaded = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl<'a> Identity<'a> {
    /// In the files that the keys of the configuration name.
    pub const fn of_files(cert_file: &'a Path, key_file: &'a Path) -> Self {
        Self {
            certificate: Source::File { key: "tls.cert_file", path: cert_file },
            key: Source::File { key: "tls.key_file", path: key_file },
        }
    }
}

impl Identity<'_> {
    /// Where the reader of a sentence about it is sent.
    pub const fn configured(&self) -> Configured {
        self.certificate.configured()
    }

    /// Reads both.
    pub fn load(&self) -> Result<Loaded, TlsError> {
        Ok((self.certificate.certificates()?, usable_key(self.key)?))
    }

    /// What cannot be read of both, or cannot be used whatever the other is.
    pub fn unusable(&self) -> Vec<TlsError> {
        let unusable = [self.certificate.certificates().err(), usable_key(self.key).err()];
        unusable.into_iter().flatten().collect()
    }

    /// Why both cannot be used together, by what the TLS library says.
    pub fn misfit(&self, error: &Error) -> TlsError {
        let source = FailureContext::FILE.explain(error);
        match error {
            Error::InvalidCertificate(_) => {
                TlsError::BadCertificate { place: self.certificate.place(), number: 1, source }
            }
            // Kind and size of the key were checked before: it is damaged.
            Error::General(_) => {
                let (what, remedy) = ("it cannot be read", "is it whole, and PKCS #8, PKCS #1 or SEC1?");
                TlsError::BadKey { place: self.key.place(), source: TlsFailure::new(what, remedy) }
            }
            _ => {
                TlsError::BadIdentity { certificate: self.certificate.place(), key: self.key.place(), source }
            }
        }
    }

    /// A warning of a certificate out of its time.
    pub fn out_of_time(&self) -> Option<Invalid> {
        let Source::File { key, path } = self.certificate else { return None };
        let problem = out_of_time(&self.certificate.certificates().ok()?, SystemTime::now())?;
        let problem = format!("names `{}`, whose certificate {problem}", path.display());
        Some(Invalid::warning(code::DOUBTFUL_VALUE, key, problem))
    }

    /// A warning of a private key that others can read or write. It blocks.
    pub fn exposed(&self) -> Option<Invalid> {
        let (key, path, exposure) = self.exposure()?;
        let problem = format!("names the private key `{}`, which {}", path.display(), exposure.sentence());
        Some(Invalid::warning(code::EXPOSED_SECRET, key, problem))
    }

    fn exposure(&self) -> Option<(&'static str, &Path, Exposure)> {
        let Source::File { key, path } = self.key else { return None };
        Some((key, path, Exposure::of(path)?))
    }
}

/// What cannot be read of a certificate without a key or a key without a certificate, or cannot be used whatever the other is.
pub(crate) fn unusable_half(cert_file: Option<&Path>, key_file: Option<&Path>) -> Option<TlsError> {
    match (cert_file, key_file) {
        (Some(path), None) => Source::File { key: "tls.cert_file", path }.certificates().err(),
        (None, Some(path)) => usable_key(Source::File { key: "tls.key_file", path }).err(),
        _ => None,
    }
}

/// A private key of a kind that can be used.
fn usable_key(source: Source<'_>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = source.private_key()?;
    match UnusableKey::of(&key) {
        Some(unusable) => Err(TlsError::BadKey { place: source.place(), source: unusable.into() }),
        None => Ok(key),
    }
}

/// What is wrong with the time of the first of these certificates.
pub(crate) fn out_of_time(chain: &[CertificateDer<'_>], now: SystemTime) -> Option<String> {
    Validity::of(chain.first()?)?.problem(now)
}
