//! The server side of TLS: certificates as they are in the files now, and handshakes with clients.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::stream::Stream;
use super::tls::HttpTlsConfig;
use crate::config::Invalid;
use crate::error::chain;
use crate::log::Logger;
use crate::text::clip;
use crate::tls::{FailureContext, TlsError, out_of_time};

/// How often files are looked at again.
const RENEWAL: Duration = Duration::from_secs(60);

/// What is spoken within TLS. HTTP/2 is not: see `docs/decisions.md`.
const ALPN: &[u8] = b"http/1.1";

/// The certificates of an endpoint.
pub(super) struct Certificates {
    files: HttpTlsConfig,
    current: RwLock<Arc<Loaded>>,
}

/// What was in the files.
struct Loaded {
    config: Arc<ServerConfig>,
    /// The certificate that clients are shown, and those behind it.
    chain: Vec<CertificateDer<'static>>,
}

impl Certificates {
    /// Reads the files. What `check` warns of is not said again.
    pub(super) async fn read(files: &HttpTlsConfig) -> Result<Self, TlsError> {
        let loaded = read(files.clone()).await?;
        Ok(Self { files: files.clone(), current: RwLock::new(Arc::new(loaded)) })
    }

    /// Reads the files again from time to time, until it is dropped.
    pub(super) async fn renew(&self, logger: &Logger) {
        let mut last = self.current().problem();
        loop {
            sleep(RENEWAL).await;
            last = self.renew_once(logger, last).await;
        }
    }

    /// Reads the files again. Where they cannot be used, such as while they are being written, what was read before stays in use;
    /// `last` is what was wrong the last time, which is not said twice.
    async fn renew_once(&self, logger: &Logger, last: Option<String>) -> Option<String> {
        let problem = match read(self.files.clone()).await {
            Ok(loaded) => {
                let (loaded, before) = (Arc::new(loaded), self.current());
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&loaded);
                if loaded.chain != before.chain {
                    logger.info(format_args!("the certificate of `tls.cert_file` has been renewed"));
                }
                loaded.problem()
            }
            Err(error) => Some(format!("the certificates of before stay in use: {}", chain(&error))),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| last.as_ref() != Some(problem)) {
            logger.warn(format_args!("{problem}"));
        }
        problem
    }

    /// Speaks TLS with a client.
    ///
    /// # Errors
    /// A sentence that says why it does not come about.
    pub(super) async fn accept(&self, stream: Stream) -> Result<TlsStream<Stream>, String> {
        let config = Arc::clone(&self.current().config);
        TlsAcceptor::from(config).accept(stream).await.map_err(|error| refused(&error))
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Loaded {
    /// What works, and will keep clients away.
    fn problem(&self) -> Option<String> {
        let problem = out_of_time(&self.chain, SystemTime::now())?;
        Some(format!("the certificate of `tls.cert_file` {problem}"))
    }
}

async fn read(files: HttpTlsConfig) -> Result<Loaded, TlsError> {
    let read = spawn_blocking(move || load(&files)).await;
    // It ends before its time only together with the runtime.
    read.unwrap_or_else(|error| Err(failed(&Error::General(error.to_string()))))
}

fn failed(error: &Error) -> TlsError {
    FailureContext::FILE.handshake(String::new(), error)
}

/// What is wrong with the files that are named. It reads them.
pub(super) fn problems(files: &HttpTlsConfig) -> Vec<Invalid> {
    let Some(identity) = files.identity() else {
        return files.unusable_half().iter().map(TlsError::invalid).collect();
    };
    let mut unusable = identity.unusable();
    match (unusable.is_empty(), files.authorities()) {
        (true, _) => unusable.extend(load(files).err()),
        (false, Some(authorities)) => unusable.extend(authorities.trusted(&mut RootCertStore::empty()).err()),
        (false, None) => {}
    }
    let doubts = identity.exposed().into_iter().chain(identity.out_of_time());
    unusable.iter().map(TlsError::invalid).chain(doubts).collect()
}

fn load(files: &HttpTlsConfig) -> Result<Loaded, TlsError> {
    let Some(identity) = files.identity() else {
        return Err(failed(&Error::General("there is no `tls.cert_file`".to_owned())));
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let builder = match files.authorities() {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            authorities.trusted(&mut roots)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let no_roots = |error| TlsError::NoRoots { found: format!(" ({error})") };
            builder.with_client_cert_verifier(verifier.map_err(no_roots)?)
        }
    };
    let (chain, key) = identity.load()?;
    let config = builder.with_single_cert(chain.clone(), key).map_err(|error| identity.misfit(&error));
    let mut config = config?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Loaded { config: Arc::new(config), chain })
}

/// Why a handshake did not come about.
fn refused(error: &io::Error) -> String {
    let Some(error) = FailureContext::rustls_error(error) else {
        return format!("it ended the connection: {error}");
    };
    match &error {
        Error::NoCertificatesPresented => {
            "it shows no certificate, and only clients of an authority in `tls.ca_file` are let in".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => "its certificate is not for clients (extended key usage `clientAuth`)".to_owned(),
        Error::InvalidCertificate(_) => {
            format!("its certificate is refused: {}", FailureContext::FILE.explain(&error))
        }
        Error::NoApplicationProtocol => "it wants another protocol than `http/1.1`".to_owned(),
        Error::InvalidMessage(_) => "what it sends is no TLS; here the protocol is `https`".to_owned(),
        Error::AlertReceived(alert) => {
            format!("it refuses the certificate of `tls.cert_file`, or something else (alert {alert:?})")
        }
        other => clip(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::log::testing::Listener;

    /// Writes a certificate and its key into the files of an endpoint.
    fn issue(files: &HttpTlsConfig, until: i32) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(files.cert_file.as_deref().unwrap(), certificate.pem()).unwrap();
        std::fs::write(files.key_file.as_deref().unwrap(), key.serialize_pem()).unwrap();
        private(files.key_file.as_deref().unwrap());
    }

    #[cfg(unix)]
    fn private(path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[cfg(not(unix))]
    fn private(_: &Path) {}

    #[tokio::test]
    async fn renewed_files_are_used_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Some(folder.path().join(name).into());
        let files = HttpTlsConfig { cert_file: at("cert.pem"), key_file: at("key.pem"), ca_file: None };
        let listener = Listener::new();
        let (logger, _guard) = (listener.logger(), listener.listen());
        issue(&files, 4096);
        let certificates = Certificates::read(&files).await.unwrap();
        let first = certificates.current().chain.clone();
        assert_eq!(certificates.renew_once(&logger, None).await, None);
        assert!(certificates.current().chain == first && listener.lines().is_empty());

        issue(&files, 4096);
        assert_eq!(certificates.renew_once(&logger, None).await, None);
        let second = certificates.current().chain.clone();
        assert!(second != first);
        let lines = listener.lines();
        assert!(lines.len() == 1 && lines[0].ends_with("has been renewed"), "{lines:?}");

        // While they are being written: a key without its certificate.
        std::fs::write(files.cert_file.as_deref().unwrap(), "-----BEGIN CERTIFICATE-----\n").unwrap();
        let mut problem = certificates.renew_once(&logger, None).await;
        problem = certificates.renew_once(&logger, problem).await;
        assert!(problem.is_some() && certificates.current().chain == second);
        let lines = listener.lines();
        assert_eq!(lines.len(), 1, "it is not said twice: {lines:?}");

        issue(&files, 2001);
        problem = certificates.renew_once(&logger, problem).await;
        assert!(problem.as_ref().is_some_and(|problem| problem.contains("expired on 2001-01-01T00:00:00Z")));
        certificates.renew_once(&logger, problem).await;
        let lines = listener.lines();
        assert_eq!(lines.len(), 2, "renewed, and expired: {lines:?}");
    }
}
