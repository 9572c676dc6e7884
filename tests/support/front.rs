//! What stands before a broker that knows only plain TCP: it ends TLS or WebSocket and passes the bytes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::certificates::{Authority, Identity};

/// A listener before a broker; gone when dropped.
pub struct Front {
    pub port: u16,
    /// What the next connections are asked for and shown.
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    /// What has been seen of the connections: the ALPN protocol, or the request line of WebSocket.
    pub seen: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Bytes,
    WebSocket,
}

impl Front {
    /// TLS; with an authority for clients, only those that it vouches for are let in.
    pub async fn tls(to: SocketAddr, identity: &Identity, clients: Option<&Authority>) -> Self {
        Self::start(to, Some(server(identity, clients)), Inside::Bytes).await
    }

    /// WebSocket, where the broker's bytes come three to a message.
    pub async fn websocket(to: SocketAddr) -> Self {
        Self::start(to, None, Inside::WebSocket).await
    }

    /// The same within TLS.
    pub async fn secure_websocket(to: SocketAddr, identity: &Identity) -> Self {
        Self::start(to, Some(server(identity, None)), Inside::WebSocket).await
    }

    /// From the next connection on it is another broker, with other clients.
    pub fn renew(&self, identity: &Identity, clients: Option<&Authority>) {
        *self.tls.lock().expect("unpoisoned") = Some(server(identity, clients));
    }

    async fn start(to: SocketAddr, tls: Option<Arc<ServerConfig>>, inside: Inside) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (tls, seen) = (Arc::new(Mutex::new(tls)), Arc::new(Mutex::new(Vec::new())));
        let mut running = JoinSet::new();
        let (current, sight) = (Arc::clone(&tls), Arc::clone(&seen));
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let config = current.lock().expect("unpoisoned").clone();
                connections.spawn(serve(stream, to, config, inside, Arc::clone(&sight)));
            }
        });
        Self { port, tls, seen, _running: running }
    }
}

/// Whatever fails ends the connection, as it should.
async fn serve(
    stream: TcpStream,
    to: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    inside: Inside,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let Some(config) = tls else {
        return pass(stream, to, inside, &seen).await;
    };
    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
        let alpn = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        seen.lock().expect("unpoisoned").extend(alpn);
        pass(stream, to, inside, &seen).await;
    }
}

async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    to: SocketAddr,
    inside: Inside,
    seen: &Mutex<Vec<String>>,
) {
    let Ok(mut broker) = TcpStream::connect(to).await else { return };
    match inside {
        Inside::Bytes => drop(copy_bidirectional(&mut stream, &mut broker).await),
        Inside::WebSocket => unwrap_frames(stream, broker, seen).await,
    }
}

async fn unwrap_frames<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut broker: TcpStream,
    seen: &Mutex<Vec<String>>,
) {
    #[allow(clippy::result_large_err, reason = "the library says so")]
    let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let protocol = request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
        let line = format!("{} {}", request.uri(), protocol.unwrap_or("-"));
        seen.lock().expect("unpoisoned").push(line);
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, answer).await else { return };
    let mut bytes = [0; 3];
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    if broker.write_all(&bytes).await.is_err() { return }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return,
            },
            read = broker.read(&mut bytes) => match read {
                Ok(count) if count > 0 => {
                    let now = bytes.get(..count).unwrap_or_default().to_vec();
                    if socket.send(Message::binary(now)).await.is_err() { return }
                    if socket.send(Message::Ping(Default::default())).await.is_err() { return }
                }
                _ => {
                    // A broker that ends says so; whether that arrives is up to the client.
                    let _ = socket.close(None).await;
                    return;
                }
            },
        }
    }
}

fn server(identity: &Identity, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(authority.ca_file()).expect("PEM"))
                .expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let certificate = CertificateDer::from_pem_file(&identity.cert_file).expect("PEM");
    let key = PrivateKeyDer::from_pem_file(&identity.key_file).expect("PEM");
    let mut config = builder.with_single_cert(vec![certificate], key).expect("an identity");
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Arc::new(config)
}
