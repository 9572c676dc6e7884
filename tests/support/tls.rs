//! A client that speaks TLS, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::certificates::{Authority, Identity};

/// Trusts one authority, and may have a certificate of its own.
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// One that offers these protocols by ALPN.
    pub fn new(trusted: &Authority, identity: Option<&Identity>, alpn: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(trusted.ca_file()).expect("PEM");
        roots.add(authority).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let certificate = CertificateDer::from_pem_file(&identity.cert_file).expect("PEM");
                let key = PrivateKeyDer::from_pem_file(&identity.key_file).expect("PEM");
                builder.with_client_auth_cert(vec![certificate], key).expect("an identity")
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Speaks TLS with a server that has this name.
    pub async fn connect(&self, address: SocketAddr, name: &'static str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        self.0.connect(ServerName::try_from(name).expect("a name"), stream).await
    }
}

/// The protocol that both sides have agreed on.
pub fn agreed(stream: &TlsStream<TcpStream>) -> Option<String> {
    let protocol = stream.get_ref().1.alpn_protocol();
    protocol.map(|name| String::from_utf8_lossy(name).into_owned())
}
