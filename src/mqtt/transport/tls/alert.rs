//! What an alert of TLS means, by which a broker ends a handshake or a session (RFC 8446 section 6).

use tokio_rustls::rustls::AlertDescription;

use super::TlsFailure;

const OWN: &str = "give this client one: `tls.cert_file` and `tls.key_file`";

/// What the broker means; `known` says whether this client has a certificate of its own.
pub(super) fn refused(alert: AlertDescription, known: bool) -> TlsFailure {
    use AlertDescription::{
        AccessDenied, BadCertificate, BadCertificateStatusResponse, BadRecordMac, CertificateExpired,
        CertificateRequired, CertificateRevoked, CertificateUnknown, DecodeError, DecryptError,
        HandshakeFailure, IllegalParameter, InsufficientSecurity, InternalError, MissingExtension,
        NoApplicationProtocol, NoCertificate, ProtocolVersion, RecordOverflow, UnexpectedMessage, UnknownCA,
        UnrecognisedName, UnsupportedCertificate, UnsupportedExtension,
    };
    match alert {
        CertificateRequired | NoCertificate => {
            TlsFailure::new("the broker wants a certificate of this client", own(known))
        }
        HandshakeFailure | InsufficientSecurity if known => TlsFailure::new(
            "the broker has no cipher in common with this client, or none for its certificate",
            "have it offer AES-GCM or ChaCha20 with ECDHE, and take the kind of key in `tls.key_file`",
        ),
        HandshakeFailure | InsufficientSecurity => TlsFailure::new(
            "the broker has no cipher in common with this client, or wants a certificate of it",
            "have it offer AES-GCM or ChaCha20 with ECDHE, or give `tls.cert_file` and `tls.key_file`",
        ),
        BadCertificate
        | CertificateUnknown
        | AccessDenied
        | UnsupportedCertificate
        | DecryptError
        | UnknownCA
            if !known =>
        {
            TlsFailure::new("the broker does not let this client in without a certificate", OWN)
        }
        UnknownCA => TlsFailure::new(
            "the broker does not know the authority of the certificate in `tls.cert_file`",
            "the broker must trust that authority, and the file must hold the intermediate certificates too",
        ),
        CertificateExpired => TlsFailure::new(
            "the broker says that the certificate in `tls.cert_file` has expired",
            "have it renewed; is the broker's clock right?",
        ),
        CertificateRevoked => TlsFailure::new(
            "the broker says that the certificate in `tls.cert_file` has been revoked",
            "have another one issued",
        ),
        BadCertificate | CertificateUnknown | AccessDenied | UnsupportedCertificate | DecryptError => {
            TlsFailure::new(
                "the broker does not trust the certificate in `tls.cert_file`",
                "is it the right one for this broker, for clients (`clientAuth`), and with its intermediate certificates?",
            )
        }
        ProtocolVersion => TlsFailure::new(
            "the broker speaks neither TLS 1.2 nor 1.3",
            "have it speak one of them: older ones are broken and not spoken here",
        ),
        UnrecognisedName => TlsFailure::new(
            "the broker has no certificate for that name",
            "`tls.server_name` says by which name it is asked for",
        ),
        NoApplicationProtocol => TlsFailure::new(
            "the broker speaks none of the protocols that `tls.alpn` offers",
            "set it to what the broker wants, such as `mqtt`, or leave it out",
        ),
        InternalError => TlsFailure::new("the broker has failed in itself", "its log says why"),
        UnexpectedMessage
        | IllegalParameter
        | DecodeError
        | MissingExtension
        | UnsupportedExtension
        | RecordOverflow
        | BadCertificateStatusResponse => TlsFailure::new(
            "the broker takes what this client has sent for a mistake",
            "update its TLS library; its log says which",
        ),
        BadRecordMac => TlsFailure::new(
            "the broker cannot decrypt what this client has sent",
            "something between the broker and this client changes what it passes on",
        ),
        other => TlsFailure::new(
            format!("the broker has ended TLS with the alert {}", u8::from(other)),
            "its log says why",
        ),
    }
}

const fn own(known: bool) -> &'static str {
    if known { "that in `tls.cert_file` is of no authority that the broker asks for" } else { OWN }
}
