//! What an alert of TLS means, by which a server ends a handshake or a session (RFC 8446 section 6).

use tokio_rustls::rustls::AlertDescription::{
    self, AccessDenied, BadCertificate, BadCertificateStatusResponse, BadRecordMac, CertificateExpired,
    CertificateRequired, CertificateRevoked, CertificateUnknown, DecodeError, DecryptError, HandshakeFailure,
    IllegalParameter, InsufficientSecurity, InternalError, MissingExtension, NoApplicationProtocol,
    NoCertificate, ProtocolVersion, RecordOverflow, UnexpectedMessage, UnknownCA, UnrecognisedName,
    UnsupportedCertificate, UnsupportedExtension,
};

use super::configured::Configured;
use super::error::TlsFailure;

/// What is wrong, what helps, and which keys of the configuration it is about.
type Meaning = (&'static str, &'static str, &'static [&'static str]);

struct Row {
    alerts: &'static [AlertDescription],
    /// To a client without a certificate of its own.
    anonymous: Meaning,
    /// To a client with one.
    certified: Meaning,
}

const fn same(alerts: &'static [AlertDescription], meaning: Meaning) -> Row {
    Row { alerts, anonymous: meaning, certified: meaning }
}

const NONE: &[&str] = &[];
const CERT: &str = "tls.cert_file";
pub(super) const KEY: &str = "tls.key_file";
const OWN: &[&str] = &[CERT, KEY];
const CERTIFICATE: &[&str] = &[CERT];

const GIVE_ONE: &str = "give this client one: `tls.cert_file` and `tls.key_file`";
const NOT_WITHOUT: Meaning = ("the server does not let this client in without a certificate", GIVE_ONE, OWN);

const MEANINGS: [Row; 12] = [
    Row {
        alerts: &[CertificateRequired, NoCertificate],
        anonymous: ("the server wants a certificate of this client", GIVE_ONE, OWN),
        certified: (
            "the server wants a certificate of this client",
            "the one that it has is of no authority that the server asks for",
            CERTIFICATE,
        ),
    },
    Row {
        alerts: &[HandshakeFailure, InsufficientSecurity],
        anonymous: (
            "the server has no cipher in common with this client, or wants a certificate of it",
            "have it offer AES-GCM or ChaCha20 with ECDHE, or give `tls.cert_file` and `tls.key_file`",
            OWN,
        ),
        certified: (
            "the server has no cipher in common with this client, or none for its certificate",
            "have it offer AES-GCM or ChaCha20 with ECDHE, and take the kind of key that this client has",
            &[KEY],
        ),
    },
    Row {
        alerts: &[BadCertificate, CertificateUnknown, AccessDenied, UnsupportedCertificate, DecryptError],
        anonymous: NOT_WITHOUT,
        certified: (
            "the server does not trust the certificate of this client",
            "is it the right one for this server, for clients (`clientAuth`), and with its intermediate certificates?",
            CERTIFICATE,
        ),
    },
    Row {
        alerts: &[UnknownCA],
        anonymous: NOT_WITHOUT,
        certified: (
            "the server does not know the authority of this client's certificate",
            "the server must trust that authority, and the client must send the intermediate certificates too",
            CERTIFICATE,
        ),
    },
    same(
        &[CertificateExpired],
        (
            "the server says that the certificate of this client has expired",
            "have it renewed; is the server's clock right?",
            CERTIFICATE,
        ),
    ),
    same(
        &[CertificateRevoked],
        (
            "the server says that the certificate of this client has been revoked",
            "have another one issued",
            CERTIFICATE,
        ),
    ),
    same(
        &[ProtocolVersion],
        (
            "the server speaks neither TLS 1.2 nor 1.3",
            "have it speak one of them: older ones are broken and not spoken here",
            NONE,
        ),
    ),
    same(
        &[UnrecognisedName],
        (
            "the server has no certificate for that name",
            "`tls.server_name` says by which name it is asked for",
            &["tls.server_name"],
        ),
    ),
    same(
        &[NoApplicationProtocol],
        (
            "the server speaks none of the protocols that `tls.alpn` offers",
            "set it to what the server wants, such as `mqtt`, or leave it out",
            &["tls.alpn"],
        ),
    ),
    same(&[InternalError], ("the server has failed in itself", "its log says why", NONE)),
    same(
        &[
            UnexpectedMessage,
            IllegalParameter,
            DecodeError,
            MissingExtension,
            UnsupportedExtension,
            RecordOverflow,
            BadCertificateStatusResponse,
        ],
        (
            "the server takes what this client has sent for a mistake",
            "update its TLS library; its log says which",
            NONE,
        ),
    ),
    same(
        &[BadRecordMac],
        (
            "the server cannot decrypt what this client has sent",
            "something between the server and this client changes what it passes on",
            NONE,
        ),
    ),
];

/// What the server means; `identity` says where the certificate of this client is configured, if it has one.
pub(super) fn explain(alert: AlertDescription, identity: Option<Configured>) -> TlsFailure {
    let Some(row) = MEANINGS.iter().find(|row| row.alerts.contains(&alert)) else {
        return TlsFailure::new(
            format!("the server has ended TLS with the alert {}", u8::from(alert)),
            "its log says why",
        );
    };
    let (what, remedy, keys) = if identity.is_some() { row.certified } else { row.anonymous };
    match (identity, keys) {
        (Some(identity), [key @ (CERT | KEY)]) => {
            TlsFailure::new(format!("{what} ({})", identity.identity(key)), remedy).about(identity.keys(keys))
        }
        _ => TlsFailure::new(what, remedy).about(keys),
    }
}
