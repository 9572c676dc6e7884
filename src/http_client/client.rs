//! Requests to a server, over a connection that is kept between them.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::destination::{Destination, RequestUrl};
use crate::error::Error;
use crate::tls::{TlsConfig, TlsError};

/// How long one address may take to be connected to, TLS included.
const DIAL_LIMIT: Duration = Duration::from_secs(3);

/// How much of an answer is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// What comes from the connection itself, and from no credential.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("wirework/", env!("CARGO_PKG_VERSION")));

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: Method,
    /// The media type of the body; nothing where there is none.
    pub content_type: Option<&'static str>,
    /// Whether the body is compressed by gzip.
    pub gzip: bool,
    pub body: Bytes,
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// As far as it was read: nothing where it is too long, or broke off.
    pub body: Bytes,
    /// Whether it was read to its end, so that another request can follow.
    whole: bool,
}

impl Reply {
    /// One that was read as a whole.
    #[cfg(test)]
    pub fn new(status: StatusCode, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { status, headers, body: body.into(), whole: true }
    }

    /// Whether the same request may be taken later.
    pub fn is_temporary(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 502 | 503 | 504)
    }

    /// Whether the next request may be sent over the same connection. After a refusal a credential may be looked up anew.
    fn keeps(&self) -> bool {
        self.whole && (self.status.is_success() || self.is_temporary())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Discovery, or a credential store.
    #[error("nothing says where to send")]
    Unresolved(#[from] Error),
    /// Nobody listens there.
    #[error("{url} is not reached")]
    NotReached {
        url: String,
        #[source]
        source: io::Error,
    },
    /// TLS does not come about.
    #[error("{url} is not reached")]
    Tls {
        url: String,
        #[source]
        source: TlsError,
    },
    /// It does not speak HTTP, or has ended the connection.
    #[error("{url} does not answer")]
    NoAnswer {
        url: String,
        #[source]
        source: hyper::Error,
    },
    /// It takes too long.
    #[error("there is no answer in time")]
    TimedOut,
}

/// Sends requests.
pub(crate) struct Client {
    destination: Destination,
    tls: TlsConfig,
    /// The connection of the last request, as long as it can be used.
    kept: Option<Link>,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A connection to a server.
struct Link {
    url: RequestUrl,
    headers: HeaderMap,
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes, while it is polled: nothing runs between requests. None once the connection has ended.
    driver: Option<Driver>,
}

/// A stream of bytes.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Client {
    pub fn new(destination: Destination, tls: TlsConfig) -> Self {
        Self { destination, tls, kept: None }
    }

    /// Sends a request. Dropped before its end, it takes the connection along.
    pub async fn send(&mut self, request: &Request) -> Result<Reply, SendError> {
        if let Some(mut link) = self.kept.take() {
            // The server may have closed it meanwhile.
            if let Ok(reply) = link.exchange(request).await {
                return Ok(self.keep(link, reply));
            }
        }
        let mut link = self.connect().await?;
        match link.exchange(request).await {
            Ok(reply) => Ok(self.keep(link, reply)),
            Err(source) => Err(SendError::NoAnswer { url: link.url.to_string(), source }),
        }
    }

    fn keep(&mut self, link: Link, reply: Reply) -> Reply {
        if reply.keeps() {
            self.kept = Some(link);
        }
        reply
    }

    /// Connects to the first address that can be connected to.
    async fn connect(&mut self) -> Result<Link, SendError> {
        let mut last = SendError::TimedOut;
        for url in self.destination.urls().await? {
            let headers = self.destination.headers(&url).await?;
            // One that does not answer must leave time for the others.
            let dialled = timeout(DIAL_LIMIT, dial(&url, &self.tls)).await;
            match dialled.unwrap_or(Err(SendError::TimedOut)) {
                Ok(stream) => return Link::over(stream, url, headers).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Link {
    async fn over(stream: Box<dyn Stream>, url: RequestUrl, headers: HeaderMap) -> Result<Self, SendError> {
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) =
            shaken.map_err(|source| SendError::NoAnswer { url: url.to_string(), source })?;
        Ok(Self { url, headers, sender, driver: Some(Box::pin(driver)) })
    }

    fn message(&self, request: &Request) -> hyper::Request<Full<Bytes>> {
        let mut message = hyper::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        // Composed of parts that were checked.
        *message.uri_mut() = self.url.path().parse().unwrap_or_default();
        let mut headers = self.headers.clone();
        let mut own = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
        if let Some(content_type) = request.content_type {
            own(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        own(USER_AGENT, AGENT);
        if let Ok(host) = HeaderValue::try_from(self.url.endpoint.authority()) {
            own(HOST, host);
        }
        if request.gzip {
            own(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *message.headers_mut() = headers;
        message
    }

    /// Sends a request; what is answered.
    async fn exchange(&mut self, request: &Request) -> Result<Reply, hyper::Error> {
        let message = self.message(request);
        let Self { sender, driver, .. } = self;
        let mut answered = std::pin::pin!(async {
            sender.ready().await?;
            Ok(read(sender.send_request(message).await?).await)
        });
        if let Some(running) = driver {
            tokio::select! {
                biased;
                answered = &mut answered => return answered,
                _ = running => {}
            }
        }
        // The connection has ended. An answer that came before is still returned; without one the request fails once the driver is dropped.
        *driver = None;
        answered.await
    }
}

/// Reads an answer.
async fn read(response: Response<hyper::body::Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let whole = body.is_ok();
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    Reply { status: parts.status, headers: parts.headers, body, whole }
}

async fn dial(url: &RequestUrl, tls: &TlsConfig) -> Result<Box<dyn Stream>, SendError> {
    let endpoint = &url.endpoint;
    let not_reached = |source| SendError::NotReached { url: url.to_string(), source };
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(not_reached)?;
    stream.set_nodelay(true).map_err(not_reached)?;
    if endpoint.protocol == "https" { secured(stream, url, tls).await } else { Ok(Box::new(stream)) }
}

#[cfg(feature = "tls")]
async fn secured(
    stream: TcpStream,
    url: &RequestUrl,
    config: &TlsConfig,
) -> Result<Box<dyn Stream>, SendError> {
    use crate::tls::{ClientTls, FailureContext};

    let failed = |source| SendError::Tls { url: url.to_string(), source };
    let ClientTls { config, context, name, shown } =
        ClientTls::load(config, &url.endpoint.host).await.map_err(failed)?;
    let secured = tokio_rustls::TlsConnector::from(config).connect(name, stream).await;
    match secured {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(match FailureContext::rustls_error(&error) {
            Some(error) => failed(context.handshake(shown, &error)),
            None => SendError::NotReached { url: url.to_string(), source: error },
        }),
    }
}

/// A configuration that asks for it is refused.
#[cfg(not(feature = "tls"))]
async fn secured(_: TcpStream, url: &RequestUrl, _: &TlsConfig) -> Result<Box<dyn Stream>, SendError> {
    let found = " (this program was built without the feature `tls`)".to_owned();
    Err(SendError::Tls { url: url.to_string(), source: TlsError::NoRoots { found } })
}
