use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, NameConstraints, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{AlertDescription, InvalidMessage, PeerMisbehaved, RootCertStore};

use super::super::der::UnusableKey;
use super::super::trusted::Trusted;
use super::*;

const BROKER: FailureContext = FailureContext::link(Configured::Keys, None);

/// 2030-01-01.
const NOW: u64 = 1_893_456_000;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name)).as_slice()
    };
}

fn certificate_of(pem: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem).unwrap()
}

/// What a broker with this certificate is refused for by a client that trusts this authority.
fn refusal(authority: &CertificateDer<'static>, broker: &CertificateDer<'static>, host: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let trusted = Trusted::new(authorities, vec![authority.clone()]);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let refused = trusted.verify_server_cert(broker, &[], &name, &[], now).unwrap_err();
    BROKER.explain(&refused).to_string()
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new(adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// One for the host `broker`, unless it is adjusted.
    fn issue(&self, adjust: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["broker".to_owned()]).unwrap();
        adjust(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }

    fn refuses(&self, adjust: impl FnOnce(&mut CertificateParams)) -> String {
        refusal(&self.certificate, &self.issue(adjust), "broker")
    }
}

#[test]
fn each_fault_of_a_certificate_has_its_sentence_and_its_remedy() {
    let authority = Authority::new(|_| {});
    let other = Authority::new(|params| params.distinguished_name.push(DnType::CommonName, "other"));
    let same_name = Authority::new(|_| {});
    let narrow = Authority::new(|params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example.com".to_owned())];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    });
    let (short, trusted) = (fixture!("short_authority.pem"), certificate_of(fixture!("authority.pem")));
    let of_file = |pem: &[u8]| refusal(&trusted, &certificate_of(pem), "broker");
    let sound = authority.issue(|_| {});
    let shown = [
        ("expired", authority.refuses(|params| params.not_after = date_time_ymd(2001, 2, 3))),
        ("not yet valid", authority.refuses(|params| params.not_before = date_time_ymd(2999, 1, 1))),
        ("no names", authority.refuses(|params| params.subject_alt_names.clear())),
        ("another name", refusal(&authority.certificate, &sound, "other.example")),
        ("an address", refusal(&authority.certificate, &sound, "127.0.0.1")),
        ("unknown issuer", refusal(&other.certificate, &sound, "broker")),
        ("another key of the authority", refusal(&same_name.certificate, &sound, "broker")),
        (
            "for clients only",
            authority
                .refuses(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        ),
        (
            "an authority",
            authority.refuses(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        ),
        ("name constraints", narrow.refuses(|_| {})),
        (
            "a critical extension",
            authority.refuses(|params| {
                let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                extension.set_criticality(true);
                params.custom_extensions.push(extension);
            }),
        ),
        ("cut off", refusal(&authority.certificate, &CertificateDer::from(sound[..100].to_vec()), "broker")),
        ("version 1", of_file(fixture!("version1.pem"))),
        ("SHA-1", of_file(fixture!("sha1.pem"))),
        ("a short key", of_file(fixture!("short.pem"))),
        (
            "an authority with a short key",
            refusal(&certificate_of(short), &certificate_of(fixture!("of_short_authority.pem")), "broker"),
        ),
    ];
    insta::assert_snapshot!(lines(shown));
}

#[test]
fn each_end_of_a_handshake_has_its_sentence_and_its_remedy() {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        DecodeError, HandshakeFailure, InternalError, NoApplicationProtocol, ProtocolVersion, UnknownCA,
        UnrecognisedName, UserCanceled,
    };
    let certified = FailureContext::link(Configured::Keys, Some(Configured::Keys));
    let alerts = [
        CertificateRequired,
        HandshakeFailure,
        BadCertificate,
        AccessDenied,
        UnknownCA,
        CertificateExpired,
        CertificateRevoked,
        ProtocolVersion,
        UnrecognisedName,
        NoApplicationProtocol,
        InternalError,
        DecodeError,
        UserCanceled,
        AlertDescription::Unknown(200),
    ];
    let mut shown = Vec::new();
    for alert in alerts {
        for (what, context) in [("", BROKER), (", with a certificate", certified)] {
            let text = context.explain(&Error::AlertReceived(alert)).to_string();
            shown.push((format!("alert {}{what}", u8::from(alert)), text));
        }
    }
    for (what, error) in [
        ("versions", Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)),
        ("ciphers", Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)),
        (
            "signatures",
            Error::PeerIncompatible(PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon),
        ),
        ("master secret", Error::PeerIncompatible(PeerIncompatible::ExtendedMasterSecretExtensionRequired)),
        ("no TLS", Error::InvalidMessage(InvalidMessage::InvalidContentType)),
        ("rules", Error::PeerMisbehaved(PeerMisbehaved::BadCertChainExtensions)),
        ("damage", Error::DecryptError),
        ("keys", Error::InconsistentKeys(InconsistentKeys::KeyMismatch)),
        ("no certificate", Error::NoCertificatesPresented),
        ("general", Error::General("line\nbreak".to_owned())),
        ("other", Error::EncryptError),
    ] {
        shown.push((what.to_owned(), certified.explain(&error).to_string()));
    }
    insta::assert_snapshot!(lines(shown));
}

#[test]
fn each_key_that_cannot_be_used_says_of_which_kind_it_is() {
    let shown = [
        ("RSA 1024", fixture!("rsa1024.key.pem")),
        ("RSA 1024, PKCS #1", fixture!("rsa1024_pkcs1.key.pem")),
        ("P-521", fixture!("p521.key.pem")),
        ("secp256k1, SEC1", fixture!("secp256k1.key.pem")),
        ("Ed448", fixture!("ed448.key.pem")),
    ];
    let text = |pem| {
        TlsFailure::from(UnusableKey::of(&PrivateKeyDer::from_pem_slice(pem).unwrap()).unwrap()).to_string()
    };
    insta::assert_snapshot!(lines(shown.map(|(what, pem)| (what, text(pem)))));
}

fn lines<K: std::fmt::Display>(shown: impl IntoIterator<Item = (K, String)>) -> String {
    let line = |(what, text): (K, String)| {
        assert!(!text.contains("Error") && !text.contains('{') && !text.contains('\n'), "{text}");
        format!("{what}: {text}\n")
    };
    shown.into_iter().map(line).collect()
}
