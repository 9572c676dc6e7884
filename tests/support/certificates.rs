//! Certificates made for one test: an authority, brokers and clients that it vouches for, in PEM files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

/// An authority with a directory for what it issues.
pub struct Authority {
    pub directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// A certificate and its key as files.
pub struct Identity {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// Where they are, unless that belongs to an authority.
    _directory: Option<TempDir>,
}

impl Identity {
    /// What others have written.
    pub fn in_files(cert_file: PathBuf, key_file: PathBuf) -> Self {
        Self { cert_file, key_file, _directory: None }
    }

    /// What `openssl req -x509` makes: a certificate of a broker that is signed by itself, and says that it is an authority.
    pub fn self_signed(name: &str, until: i32) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        let (cert_file, key_file) = (at("cert.pem"), at("key.pem"));
        let identity = Self { cert_file, key_file, _directory: Some(directory) };
        std::fs::write(&identity.cert_file, certificate.pem()).expect("a file");
        std::fs::write(&identity.key_file, key.serialize_pem()).expect("a file");
        identity
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        // Two authorities of one name would be one whose key has changed.
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let authority = Self { directory, issuer: Issuer::new(params, key), certificate };
        authority.write_to(&authority.ca_file());
        authority
    }

    /// Its own certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Writes its own certificate somewhere else.
    pub fn write_to(&self, path: &std::path::Path) {
        std::fs::write(path, self.certificate.pem()).expect("a file");
    }

    /// Vouches for a broker of this name or address.
    pub fn broker(&self, name: &str) -> Identity {
        self.issue(name, "broker", ExtendedKeyUsagePurpose::ServerAuth, 4096)
    }

    /// The same, only until 2001.
    pub fn expired_broker(&self, name: &str) -> Identity {
        self.issue(name, "expired", ExtendedKeyUsagePurpose::ServerAuth, 2001)
    }

    /// Vouches for a client.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(name, "client", ExtendedKeyUsagePurpose::ClientAuth, 4096)
    }

    fn issue(&self, name: &str, file: &str, usage: ExtendedKeyUsagePurpose, until: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let at = |end: &str| self.directory.path().join(format!("{file}-{name}.{end}.pem"));
        let identity = Identity { cert_file: at("cert"), key_file: at("key"), _directory: None };
        std::fs::write(&identity.cert_file, certificate.pem()).expect("a file");
        std::fs::write(&identity.key_file, key.serialize_pem()).expect("a file");
        identity
    }
}
