//! Requests to a collector, over a connection that is kept between them.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::answer::Answer;
use super::batch::Body;
use super::destination::{Destination, Place};
use crate::error::Error;
use crate::tls::{TlsConfig, TlsError};

/// How much of an answer is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// What comes from the connection itself, and from no credential.
const CONTENT: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("wirework/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// Discovery, or a credential store.
    #[error("nothing says where to send")]
    Unresolved(#[from] Error),
    /// Nobody listens there.
    #[error("{place} is not reached")]
    NotReached {
        place: String,
        #[source]
        source: io::Error,
    },
    /// TLS does not come about.
    #[error("{place} is not reached")]
    Tls {
        place: String,
        #[source]
        source: TlsError,
    },
    /// It does not speak HTTP, or has ended the connection.
    #[error("{place} does not answer")]
    NoAnswer {
        place: String,
        #[source]
        source: hyper::Error,
    },
    /// It takes too long.
    #[error("there is no answer in time")]
    TimedOut,
}

/// Sends requests of one signal.
pub(super) struct Client {
    destination: Destination,
    tls: TlsConfig,
    /// The connection of the last request, as long as it can be used.
    kept: Option<Link>,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A connection to a collector.
struct Link {
    place: Place,
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
    pub async fn send(&mut self, body: &Body) -> Result<Answer, SendError> {
        if let Some(mut link) = self.kept.take() {
            // The collector may have closed it meanwhile.
            if let Ok(answer) = link.exchange(body).await {
                return Ok(self.keep(link, answer));
            }
        }
        let mut link = self.connect().await?;
        match link.exchange(body).await {
            Ok(answer) => Ok(self.keep(link, answer)),
            Err(source) => Err(SendError::NoAnswer { place: link.place.to_string(), source }),
        }
    }

    /// Keeps a connection. After a refusal a credential may be looked up anew.
    fn keep(&mut self, link: Link, (answer, whole): (Answer, bool)) -> Answer {
        if whole && !matches!(answer, Answer::Refused { .. }) {
            self.kept = Some(link);
        }
        answer
    }

    /// Connects to the first place that can be connected to.
    async fn connect(&mut self) -> Result<Link, SendError> {
        let mut last = SendError::TimedOut;
        for place in self.destination.places().await? {
            let headers = self.destination.headers(&place).await?;
            match dial(&place, &self.tls).await {
                Ok(stream) => return Link::over(stream, place, headers).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Link {
    async fn over(stream: Box<dyn Stream>, place: Place, headers: HeaderMap) -> Result<Self, SendError> {
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) =
            shaken.map_err(|source| SendError::NoAnswer { place: place.to_string(), source })?;
        Ok(Self { place, headers, sender, driver: Some(Box::pin(driver)) })
    }

    fn request(&self, body: &Body) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.bytes.clone()));
        *request.method_mut() = hyper::Method::POST;
        // Composed of parts that were checked.
        *request.uri_mut() = self.place.path().parse().unwrap_or_default();
        let mut headers = self.headers.clone();
        let mut own = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
        own(CONTENT_TYPE, CONTENT);
        own(USER_AGENT, AGENT);
        if let Ok(host) = HeaderValue::try_from(self.place.endpoint.authority()) {
            own(HOST, host);
        }
        if body.gzip {
            own(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *request.headers_mut() = headers;
        request
    }

    /// Sends a request; what is answered, and whether the answer was read as a whole.
    async fn exchange(&mut self, body: &Body) -> Result<(Answer, bool), hyper::Error> {
        let request = self.request(body);
        let Self { sender, driver, .. } = self;
        let mut answered = std::pin::pin!(async {
            sender.ready().await?;
            Ok(read(sender.send_request(request).await?).await)
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

/// Reads an answer; whether that was all of it.
async fn read(response: Response<hyper::body::Incoming>) -> (Answer, bool) {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let whole = body.is_ok();
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    (Answer::of(parts.status, &parts.headers, &body), whole)
}

async fn dial(place: &Place, tls: &TlsConfig) -> Result<Box<dyn Stream>, SendError> {
    let endpoint = &place.endpoint;
    let not_reached = |source| SendError::NotReached { place: place.to_string(), source };
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(not_reached)?;
    stream.set_nodelay(true).map_err(not_reached)?;
    if endpoint.protocol == "https" { secured(stream, place, tls).await } else { Ok(Box::new(stream)) }
}

#[cfg(feature = "tls")]
async fn secured(stream: TcpStream, place: &Place, config: &TlsConfig) -> Result<Box<dyn Stream>, SendError> {
    use crate::tls::{ClientTls, FailureContext};

    let failed = |source| SendError::Tls { place: place.to_string(), source };
    let ClientTls { config, context, name, shown } =
        ClientTls::load(config, &place.endpoint.host).await.map_err(failed)?;
    let secured = tokio_rustls::TlsConnector::from(config).connect(name, stream).await;
    match secured {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(match FailureContext::rustls_error(&error) {
            Some(error) => failed(context.handshake(shown, &error)),
            None => SendError::NotReached { place: place.to_string(), source: error },
        }),
    }
}

/// A configuration that asks for it is refused.
#[cfg(not(feature = "tls"))]
async fn secured(_: TcpStream, place: &Place, _: &TlsConfig) -> Result<Box<dyn Stream>, SendError> {
    let found = " (this program was built without the feature `tls`)".to_owned();
    Err(SendError::Tls { place: place.to_string(), source: TlsError::NoRoots { found } })
}
