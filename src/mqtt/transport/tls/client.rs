//! The client side of TLS, made anew for each connection so that renewed files are used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::TlsConfig;
use super::config::Trust;
use crate::config::{Invalid, MASK};
use crate::connect::Endpoint;
use crate::mqtt::LinkError;
use crate::mqtt::transport::byte_stream::{Counted, Moved};
use crate::tls::{FailureContext, TlsError, Trusted};

/// Everything that a handshake needs.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    context: FailureContext,
    /// The name that the certificate of the broker must have.
    name: ServerName<'static>,
    /// The same as errors show it.
    shown: String,
}

impl Client {
    /// How many bytes TLS buffers at most before the driver learns that the socket takes none.
    pub const MAX_BUFFERED: usize = 16 * 1024;

    /// Reads the files, and checks that they make sense.
    pub async fn load(config: &TlsConfig, endpoint: &Endpoint) -> Result<Self, LinkError> {
        let trust = Trust::of(config);
        let shown = trust.server_name.unwrap_or(&endpoint.host).to_owned();
        let name = server_name(&shown)?;
        let context = FailureContext::link(trust.identity.is_some());
        let config = config.clone();
        let loaded = spawn_blocking(move || load(&config)).await;
        let config =
            loaded.map_err(|error| LinkError::io("reading certificates", io::Error::other(error)))??;
        Ok(Self { config: Arc::new(config), context, name, shown })
    }

    /// What a connection to one of these hosts, each with whether it may be shown, would fail at before anything is sent. It reads the
    /// files.
    pub fn problems<'h>(config: &TlsConfig, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<Invalid> {
        let trust = Trust::of(config);
        let doubts = trust.identity.iter().flat_map(|own| [own.exposed(), own.out_of_time()]).flatten();
        let half = config.unusable_half();
        problems(&trust, hosts).iter().chain(&half).map(TlsError::invalid).chain(doubts).collect()
    }

    pub async fn handshake(self, stream: TcpStream) -> Result<Secured, LinkError> {
        let Self { config, context, name, shown } = self;
        let limit = |connection: &mut tokio_rustls::rustls::ClientConnection| {
            connection.set_buffer_limit(Some(Self::MAX_BUFFERED));
        };
        match TlsConnector::from(config).connect_with(name, Counted::new(stream), limit).await {
            Ok(stream) => Ok(Secured::new(stream, context)),
            Err(error) => Err(failed(shown, error, context)),
        }
    }
}

/// What is wrong with the files that are named, or with the name that a broker at one of these hosts must have.
fn problems<'h>(trust: &Trust<'_>, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<TlsError> {
    let names = hosts.filter_map(|(host, may_show)| {
        let error = server_name(trust.server_name.unwrap_or(host)).err()?;
        let hidden = trust.server_name.is_none() && !may_show;
        Some(if hidden { TlsError::BadServerName { name: MASK.to_owned() } } else { error })
    });
    let mut found: Vec<_> = names.take(1).collect();
    found.extend(trust.listed.and_then(|listed| listed.trusted(&mut RootCertStore::empty()).err()));
    if let Some(identity) = trust.identity {
        let unusable = identity.unusable();
        if !unusable.is_empty() {
            found.extend(unusable);
            return found;
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        // A provider without the default versions is no mistake in a manifest.
        let client = builder.map(|builder| builder.with_root_certificates(RootCertStore::empty()));
        found.extend(client.ok().and_then(|client| with_identity(trust, client).err()));
    }
    found
}

fn server_name(shown: &str) -> Result<ServerName<'static>, TlsError> {
    // A zone belongs to this machine, not to the name of the other one.
    let bare = shown.split_once('%').map_or(shown, |(address, _)| address).to_owned();
    ServerName::try_from(bare).map_err(|_| TlsError::BadServerName { name: shown.to_owned() })
}

fn load(config: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let trust = Trust::of(config);
    let (roots, listed) = roots(&trust)?;
    let provider = Arc::new(ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let authorities =
        authorities.build().map_err(|error| TlsError::NoRoots { found: format!(" ({error})") })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FailureContext::FILE.handshake(String::new(), &error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusted::new(authorities, listed)));
    let mut client = with_identity(&trust, builder)?;
    client.alpn_protocols = config.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    Ok(client)
}

/// A client that shows its certificate, where it has one.
fn with_identity(
    trust: &Trust<'_>,
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
) -> Result<ClientConfig, TlsError> {
    let Some(identity) = trust.identity else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = identity.load()?;
    builder.with_client_auth_cert(chain, key).map_err(|error| identity.misfit(&error))
}

/// Whom to trust: authorities, and the certificates that are listed in the file.
fn roots(trust: &Trust<'_>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let mut roots = RootCertStore::empty();
    let listed = trust.listed.map_or(Ok(Vec::new()), |listed| listed.trusted(&mut roots))?;
    if trust.system {
        // A system has hundreds of them; one that cannot be read is no reason to trust none.
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let first = system.errors.first().map(|error| format!(" ({error})"));
            return Err(TlsError::NoRoots { found: first.unwrap_or_default() });
        }
    }
    Ok((roots, listed))
}

fn failed(server_name: String, error: io::Error, context: FailureContext) -> LinkError {
    match FailureContext::rustls_error(&error) {
        Some(error) => context.handshake(server_name, &error).into(),
        None => LinkError::io("the TLS handshake", cut_off(error)),
    }
}

/// Adds advice to the error of a connection that was cut: a broker that does not speak TLS often does that.
fn cut_off(error: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        kind @ (BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            let advice = "does it speak TLS at this port? Without TLS the protocol is `mqtt` (or `ws`)";
            io::Error::new(kind, format!("the broker ended the connection ({error}); {advice}"))
        }
        _ => error,
    }
}

/// A TCP stream within TLS; what goes wrong in TLS comes out as a [`TlsError`] inside the error of the system.
pub(crate) struct Secured {
    stream: TlsStream<Counted<TcpStream>>,
    context: FailureContext,
}

impl Secured {
    pub fn new(stream: TlsStream<Counted<TcpStream>>, context: FailureContext) -> Self {
        Self { stream, context }
    }

    pub fn moved(&self) -> Moved {
        self.stream.get_ref().0.moved()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        match ready!(Pin::new(stream).poll_read(cx, buffer)) {
            // The broker closed without `close_notify`. MQTT has DISCONNECT and frames its packets, so this is an end like any other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            other => Poll::Ready(other.map_err(|error| explained(error, *context))),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_write(cx, bytes).map_err(|error| explained(error, *context))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_flush(cx).map_err(|error| explained(error, *context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_shutdown(cx).map_err(|error| explained(error, *context))
    }
}

fn explained(error: io::Error, context: FailureContext) -> io::Error {
    match FailureContext::rustls_error(&error) {
        None => error,
        Some(source) => {
            let failed = TlsError::Session { source: context.explain(&source) };
            io::Error::new(error.kind(), Arc::new(failed))
        }
    }
}
