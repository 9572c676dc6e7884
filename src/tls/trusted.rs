//! Trust in certificates of servers: those that an authority vouches for, and those in `tls.ca_file` themselves.
//!
//! A server with a certificate that it has signed itself, as `openssl req -x509` makes it, is often told to clients by that
//! certificate. Such a one says that it belongs to an authority, and as that it may not stand for a server (RFC 5280); but
//! whoever puts it into the file means the server.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use webpki::EndEntityCert;

use super::der::rsa_bits;
use super::failure::ShortKey;

/// Trusts as rustls does, and the certificates of the file themselves.
#[derive(Debug)]
pub(crate) struct Trusted {
    authorities: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl Trusted {
    pub fn new(authorities: Arc<WebPkiServerVerifier>, listed: Vec<CertificateDer<'static>>) -> Self {
        Self { authorities, listed }
    }
}

impl Trusted {
    /// The cause of a bad signature, where the authority that a certificate names has a key that is too short.
    fn cause_of(&self, refused: Error, shown: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Error {
        if refused != Error::InvalidCertificate(CertificateError::BadSignature) {
            return refused;
        }
        let issuer = |one| EndEntityCert::try_from(one).ok().map(|one| one.issuer().to_vec());
        let issuers: Vec<_> = std::iter::once(shown).chain(chain).filter_map(issuer).collect();
        let signs = |one: &&CertificateDer<'_>| {
            EndEntityCert::try_from(*one)
                .is_ok_and(|one| issuers.iter().any(|issuer| issuer == one.subject()))
        };
        let bits = chain.iter().chain(&self.listed).filter(signs).find_map(short_key);
        bits.map_or(refused, |bits| short(bits, true))
    }
}

/// The size of the RSA key of a certificate, in bits, where that is too small.
fn short_key(certificate: &CertificateDer<'_>) -> Option<usize> {
    let public_key = EndEntityCert::try_from(certificate).ok()?.subject_public_key_info();
    rsa_bits(public_key.as_ref()).filter(|bits| *bits < ShortKey::MIN_BITS)
}

fn short(bits: usize, authority: bool) -> Error {
    let other = OtherError(Arc::new(ShortKey { bits, authority }));
    Error::InvalidCertificate(CertificateError::Other(other))
}

/// Whether a certificate was refused only for its issuer, or for being that of an authority: webpki checks its time
/// before that.
fn is_about_trust(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // With one that is too short no handshake ends well, and what fails then says nothing of it.
        if let Some(bits) = short_key(certificate) {
            return Err(short(bits, false));
        }
        let refused = match self.authorities.verify_server_cert(certificate, chain, name, ocsp, now) {
            Ok(verified) => return Ok(verified),
            Err(refused) => self.cause_of(refused, certificate, chain),
        };
        if !is_about_trust(&refused) || !self.listed.iter().any(|one| one.as_ref() == certificate.as_ref()) {
            return Err(refused);
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
