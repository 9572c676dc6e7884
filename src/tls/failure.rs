//! The failures of rustls as sentences, each with a remedy.
//!
//! The texts of rustls are names of variants most of the time. Each kind of failure has a sentence here, and a remedy where there
//! is one: a wrong remedy costs more time than none, so it depends on what is known of the certificate and of the configuration.

use std::borrow::Cow;
use std::io;
use std::time::{Duration, SystemTime};

use rustls_pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error, InconsistentKeys, OtherError, PeerIncompatible};

use super::alert::{self, KEY};
use super::configured::Configured;
use super::der::algorithm;
use super::error::{TlsError, TlsFailure};
use crate::text::clip;

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// From the server, in a handshake.
    Server,
    /// From a file of this client.
    File,
}

/// What the sentence for a failure depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailureContext {
    origin: Origin,
    /// Where whom to trust is configured.
    trust: Configured,
    /// Where the certificate of this client is configured, if it has one to show.
    identity: Option<Configured>,
}

impl FailureContext {
    /// A failure that has to do with a file.
    pub const FILE: Self =
        Self { origin: Origin::File, trust: Configured::Keys, identity: Some(Configured::Keys) };

    /// A failure of a handshake or a session, with where whom to trust and the client's own certificate are configured.
    pub(super) const fn link(trust: Configured, identity: Option<Configured>) -> Self {
        Self { origin: Origin::Server, trust, identity }
    }

    /// The failure of a handshake.
    pub fn handshake(self, server_name: String, error: &Error) -> TlsError {
        TlsError::Handshake { server_name, source: self.explain(error) }
    }

    /// The error of rustls inside one of the system.
    pub fn rustls_error(error: &io::Error) -> Option<Error> {
        error.get_ref()?.downcast_ref::<Error>().cloned()
    }

    /// The sentence for a failure.
    pub fn explain(self, error: &Error) -> TlsFailure {
        match error {
            Error::InvalidCertificate(error) => certificate(error, self.origin, self.trust),
            Error::AlertReceived(alert) => alert::explain(*alert, self.identity),
            Error::PeerIncompatible(what) => incompatible(what, self.identity.unwrap_or(Configured::Keys)),
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsFailure::new(
                "the certificate is of another key",
                "the first certificate of the file must be the one that was issued for this key",
            ),
            Error::InvalidMessage(_) => {
                TlsFailure::new("what came is no TLS", "does it speak TLS at this port?")
            }
            Error::NoCertificatesPresented => TlsFailure::new(
                "the server shows no certificate",
                "TLS without certificates is not spoken here",
            ),
            Error::PeerMisbehaved(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. } => TlsFailure::new(
                "the server breaks the rules of TLS",
                "update its TLS library, or whatever stands between it and this client and takes TLS apart",
            ),
            Error::DecryptError | Error::PeerSentOversizedRecord => TlsFailure::new(
                "what came cannot be decrypted",
                "something between the server and this client changes what it passes on",
            ),
            Error::FailedToGetCurrentTime => TlsFailure::only("this machine has no clock"),
            Error::FailedToGetRandomBytes => TlsFailure::only("this machine has no source of randomness"),
            Error::General(text) => TlsFailure::only(clip(text).into_owned()),
            _ => TlsFailure::only("it failed in the TLS library for a reason that has no name"),
        }
    }
}

/// A certificate with an RSA key that is too short, as whoever verifies it finds it.
#[derive(Debug, thiserror::Error)]
#[error("an RSA key of {bits} bits")]
pub(super) struct ShortKey {
    pub bits: usize,
    /// Whether it is that of an authority.
    pub authority: bool,
}

impl ShortKey {
    /// How many bits an RSA key of a certificate has at least.
    pub const MIN_BITS: usize = 2048;
}

fn incompatible(what: &PeerIncompatible, identity: Configured) -> TlsFailure {
    use PeerIncompatible::{
        ExtendedMasterSecretExtensionRequired, NoCertificateRequestSignatureSchemesInCommon,
        NoCipherSuitesInCommon, NoKxGroupsInCommon, NoSignatureSchemesInCommon,
        ServerDoesNotSupportTls12Or13, ServerTlsVersionIsDisabledByOurConfig, Tls12NotOffered,
        Tls12NotOfferedOrEnabled,
    };
    match what {
        ServerDoesNotSupportTls12Or13
        | ServerTlsVersionIsDisabledByOurConfig
        | Tls12NotOffered
        | Tls12NotOfferedOrEnabled => TlsFailure::new(
            "the server speaks a version of TLS before 1.2",
            "have it speak 1.2 or 1.3: older ones are broken and not spoken here",
        ),
        NoCipherSuitesInCommon | NoKxGroupsInCommon => TlsFailure::new(
            "the server has chosen a cipher or a key exchange that is not spoken here",
            "have it offer AES-GCM or ChaCha20 with ECDHE",
        ),
        NoSignatureSchemesInCommon | NoCertificateRequestSignatureSchemesInCommon => TlsFailure::new(
            format!("the server takes no signature that the key in {} can make", identity.identity(KEY)),
            "give a key of another kind, such as ECDSA with P-256",
        )
        .about(identity.keys(&[KEY])),
        ExtendedMasterSecretExtensionRequired => TlsFailure::new(
            "the server lacks the extended master secret, without which TLS 1.2 is not safe",
            "update its TLS library, or have it speak 1.3",
        ),
        _ => TlsFailure::new("the server lacks a part of TLS that is needed here", "update its TLS library"),
    }
}

fn certificate(error: &CertificateError, origin: Origin, trust: Configured) -> TlsFailure {
    let this = match origin {
        Origin::Server => "the certificate of the server",
        Origin::File => "it",
    };
    let say = |what: &str| Cow::from(format!("{this} {what}"));
    match error {
        CertificateError::ExpiredContext { time, not_after } => TlsFailure::new(
            say(&format!("expired on {}", date(*not_after))),
            format!("have it renewed, or set the clock of this machine, which says {}", date(*time)),
        ),
        CertificateError::Expired => TlsFailure::new(say("has expired"), "have it renewed"),
        CertificateError::NotValidYetContext { time, not_before } => TlsFailure::new(
            say(&format!("is not valid before {}", date(*not_before))),
            format!("wait until then, or set the clock of this machine, which says {}", date(*time)),
        ),
        CertificateError::NotValidYet => {
            TlsFailure::new(say("is not valid yet"), "is the clock of this machine right?")
        }
        CertificateError::NotValidForNameContext { presented, .. } => wrong_names(presented, say),
        CertificateError::NotValidForName => TlsFailure::only(say("is for another name")),
        CertificateError::UnknownIssuer => TlsFailure::new(
            say("is vouched for by nobody who is trusted here"),
            format!(
                "if it is to be trusted, {} must hold the certificate of its authority, or the server's own where that has signed \
                 itself; the server sends those between",
                trust.authorities()
            ),
        ).about(trust.keys(&["tls.ca_file"])),
        CertificateError::BadSignature => TlsFailure::new(
            say("is not signed by the authority that it names: the one that is trusted here has another key"),
            format!("{} must hold the present certificate of its authority", trust.authorities()),
        ).about(trust.keys(&["tls.ca_file"])),
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id, ..
        } => untrusted_signature(algorithm(signature_algorithm_id), say),
        CertificateError::Revoked => TlsFailure::new(say("has been revoked"), "have another one issued"),
        CertificateError::UnhandledCriticalExtension => critical_extension(say),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => TlsFailure::new(
            say("is not for servers"),
            "have it issued with the extended key usage `serverAuth`",
        ),
        CertificateError::BadEncoding => malformed(say),
        CertificateError::Other(other) => other_certificate(other, trust, say),
        _ => TlsFailure::only(say("is refused")),
    }
}

fn untrusted_signature(how: Option<&str>, say: impl Fn(&str) -> Cow<'static, str>) -> TlsFailure {
    let how = how.map_or_else(|| "in a way".to_owned(), |how| format!("by {how},"));
    TlsFailure::new(
        say(&format!("is signed {how} which is not trusted here")),
        "have it issued anew, signed by SHA-256 or better with RSA or with ECDSA on P-256 or P-384",
    )
}

fn critical_extension(say: impl Fn(&str) -> Cow<'static, str>) -> TlsFailure {
    TlsFailure::new(say("has a critical extension that is not known here"), "have it issued without that")
}

fn malformed(say: impl Fn(&str) -> Cow<'static, str>) -> TlsFailure {
    TlsFailure::new(say("is malformed"), "is it an X.509 certificate, and whole?")
}

/// A certificate for other names, or for none: only a name that it has helps.
fn wrong_names(presented: &[String], say: impl Fn(&str) -> Cow<'static, str>) -> TlsFailure {
    let shown: Vec<String> =
        presented.iter().take(MAX_NAMES).map(|name| format!("`{}`", clip(bare(name)))).collect();
    if shown.is_empty() {
        return TlsFailure::new(
            say("has no names (no subjectAltName; the common name does not count)"),
            "have it issued with a subjectAltName for the host",
        );
    }
    let more = if presented.len() > MAX_NAMES { " and others" } else { "" };
    TlsFailure::new(
        say(&format!("is for {}{more} only", shown.join(", "))),
        "if that is the right server, connect to one of them, or give it as `tls.server_name`",
    )
    .about(&["tls.server_name"])
}

/// How many names of a certificate are shown.
const MAX_NAMES: usize = 4;

/// A name as rustls shows it, without the text around it.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

/// A fault that webpki or this crate has found, and that rustls has no name for.
fn other_certificate(
    other: &OtherError,
    trust: Configured,
    say: impl Fn(&str) -> Cow<'static, str>,
) -> TlsFailure {
    if let Some(ShortKey { bits, authority }) = other.0.downcast_ref() {
        let of = if *authority { "of its authority " } else { "" };
        return TlsFailure::new(
            say(&format!("is not trusted, since the RSA key {of}has {bits} bits only")),
            format!("have it issued with {} bits or more, or with ECDSA on P-256", ShortKey::MIN_BITS),
        );
    }
    use webpki::Error::{
        CaUsedAsEndEntity, EmptyEkuExtension, EndEntityUsedAsCa, ExtensionValueInvalid, InvalidSerialNumber,
        MalformedDnsIdentifier, MalformedExtensions, MaximumPathBuildCallsExceeded, MaximumPathDepthExceeded,
        NameConstraintViolation, PathLenConstraintViolated, UnsupportedCertVersion,
        UnsupportedCriticalExtension,
    };
    match other.0.downcast_ref() {
        Some(UnsupportedCertVersion) => TlsFailure::new(
            say("is of version 1 of X.509, which has no extensions"),
            "have it issued as version 3, with a subjectAltName for the host",
        ),
        Some(CaUsedAsEndEntity) => TlsFailure::new(
            say("is that of an authority (CA:TRUE), which may not stand for a server"),
            format!(
                "have one issued for the server itself, or put this very one into {}",
                trust.authorities()
            ),
        )
        .about(trust.keys(&["tls.ca_file"])),
        Some(EndEntityUsedAsCa) => TlsFailure::new(
            say("is vouched for by one that is not that of an authority (CA:TRUE)"),
            "have it signed by an authority",
        ),
        Some(NameConstraintViolation) => TlsFailure::new(
            say("has a name for which its authority may not vouch (name constraints)"),
            "have it issued by another one",
        ),
        Some(PathLenConstraintViolated | MaximumPathDepthExceeded | MaximumPathBuildCallsExceeded) => {
            TlsFailure::new(
                say("has more authorities above it than is permitted"),
                "have the server send the shortest chain, or issue it closer to the root",
            )
        }
        Some(UnsupportedCriticalExtension) => critical_extension(say),
        Some(
            MalformedDnsIdentifier
            | MalformedExtensions
            | ExtensionValueInvalid
            | EmptyEkuExtension
            | InvalidSerialNumber,
        ) => malformed(say),
        _ => TlsFailure::new(say("breaks a rule of X.509"), "have it issued anew by another tool"),
    }
}

/// A time as people read it, in UTC.
fn date(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    // `humantime` panics beyond the year 9999.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(time.map_or(last, |time| time.min(last))).to_string()
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
