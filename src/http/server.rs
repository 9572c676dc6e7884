//! Connections and what is answered on them.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument as _;

use super::access::Access;
use super::answer::{not_allowed, refusal, try_later};
use super::body::limited;
use super::config::HttpOptions;
use super::health::Probe;
use super::listener::Listener;
use super::routes::{Route, RouteTable};
use super::stream::Stream;
use crate::component::{ServiceView, panic_error};

/// How long to wait after the system has refused a connection, most often since there are too many open files.
const AFTER_REFUSED: Duration = Duration::from_millis(100);

/// What all connections of an endpoint share.
pub(super) struct Server {
    pub options: HttpOptions,
    pub routes: Arc<RouteTable>,
    pub service: ServiceView,
    pub access: Access,
    /// How many connections there are.
    pub open: AtomicUsize,
}

impl Server {
    /// Takes connections until `end` says so, then lets them end, and cuts off what is left after the time for it.
    pub(super) async fn run(self: Arc<Self>, listener: Listener, end: CancellationToken) {
        // As many permits as there may be connections: until one is free, clients wait in the queue of the system.
        let permits = Arc::new(Semaphore::new(self.options.max_connections.min(Semaphore::MAX_PERMITS)));
        let mut running = JoinSet::new();
        let mut permit = None;
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => break,
                Some(_) = running.join_next() => {}
                free = Arc::clone(&permits).acquire_owned(), if permit.is_none() => permit = free.ok(),
                accepted = listener.accept(), if permit.is_some() => match accepted {
                    Ok((stream, peer)) => {
                        let connection = Arc::clone(&self).serve(stream, peer, permit.take(), end.clone());
                        running.spawn(connection.in_current_span());
                    }
                    Err(error) => {
                        tracing::warn!("a connection could not be taken: {error}");
                        sleep(AFTER_REFUSED).await;
                    }
                }
            }
        }
        drop(listener);
        let ended = async { while running.join_next().await.is_some() {} };
        if timeout(self.options.shutdown_timeout.0, ended).await.is_err() {
            tracing::debug!(connections = running.len(), "cut off what did not end in time");
        }
        running.shutdown().await;
    }

    async fn serve(
        self: Arc<Self>,
        stream: Stream,
        peer: Option<SocketAddr>,
        _permit: Option<OwnedSemaphorePermit>,
        end: CancellationToken,
    ) {
        let _open = OpenConnection::new(&self);
        let server = Arc::clone(&self);
        let service = service_fn(move |request| {
            let server = Arc::clone(&server);
            async move { Ok::<_, Infallible>(server.answer(request, peer).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head_timeout.0)
            .max_buf_size(self.options.head_max_size)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = end.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients can cause it as often as they like.
            tracing::debug!(peer = peer.map(|peer| peer.to_string()), "a connection ended: {error}");
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: Option<SocketAddr>) -> Response<Body> {
        if self.options.health
            && let Some(probe) = Probe::at(request.uri().path())
        {
            return match *request.method() {
                Method::GET | Method::HEAD => probe.answer(&self.service),
                _ => not_allowed(),
            };
        }
        let start = self.access.begin(request.method(), request.uri().path());
        let response = if self.options.maintenance_enabled {
            let seconds = self.options.maintenance_retry_after.0.as_secs();
            try_later("MAINTENANCE", "the service is being maintained", seconds)
        } else {
            self.route(request, peer).await
        };
        self.access.end(&start, peer, &response);
        response
    }

    async fn route(&self, request: Request<Incoming>, peer: Option<SocketAddr>) -> Response<Body> {
        let (router, base, in_flight) = match self.routes.find(request.uri().path()) {
            Route::Open { router, base, in_flight } => (router, base, in_flight),
            Route::NotOpen(owner) => {
                let message = format!("`{owner}` is not open");
                return try_later("NOT_OPEN", &message, 1);
            }
            Route::Nobody => {
                let message = "nothing is served at this path";
                return refusal(StatusCode::NOT_FOUND, "NotFound", "NOT_FOUND", message);
            }
        };
        let Ok((mut request, body)) = limited(request, self.options.request_max_size) else {
            return too_large(self.options.request_max_size);
        };
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        *request.uri_mut() = below(request.uri(), base);
        let answer = in_flight.run(AssertUnwindSafe(router.oneshot(request)).catch_unwind());
        match timeout(self.options.request_timeout.0, answer).await {
            Ok(Some(Ok(Ok(response)))) => response,
            Ok(Some(Ok(Err(never)))) => match never {},
            Ok(Some(Err(panic))) => panicked(&*panic),
            Ok(None) => try_later("NOT_OPEN", "the component has closed before it answered", 1),
            Err(_) if body.is_complete() => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "NoResponse", "TIMEOUT", "the answer takes too long")
            }
            Err(_) => {
                let message = "the request was not sent in time";
                refusal(StatusCode::REQUEST_TIMEOUT, "BadRequest", "REQUEST_TIMEOUT", message)
            }
        }
    }
}

/// One connection more, until this is dropped.
struct OpenConnection(Arc<Server>);

impl OpenConnection {
    fn new(server: &Arc<Server>) -> Self {
        server.access.connections(server.open.fetch_add(1, Ordering::Relaxed) + 1);
        Self(Arc::clone(server))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.access.connections(self.0.open.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}

/// What a component's route answers that panicked, as a component may that fails: it harms nobody else.
fn panicked(panic: &(dyn Any + Send)) -> Response<Body> {
    let error = panic_error("a route", panic);
    tracing::error!(code = error.code(), "a request failed: {error}");
    let message = "the component failed while it answered";
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal", error.code(), message)
}

fn too_large(most: usize) -> Response<Body> {
    let message = format!("the body of a request may have {most} bytes at most");
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "BadRequest", "REQUEST_TOO_LARGE", &message)
}

/// The address as a router sees it that has all below the first `base` bytes of the path.
fn below(uri: &Uri, base: usize) -> Uri {
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.get(base..).unwrap_or_default();
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    // A part of an address that was one is an address.
    rest.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_sees_what_is_below_its_base_route() {
        let cases = [
            ("/api/v1/x?y=1", 7, "/x?y=1"),
            ("/api", 4, "/"),
            ("/api?y=1", 4, "/?y=1"),
            ("/api/", 4, "/"),
            ("/", 0, "/"),
            ("/x", 0, "/x"),
        ];
        for (uri, base, expected) in cases {
            assert_eq!(below(&uri.parse().unwrap(), base).to_string(), expected, "{uri}");
        }
    }
}
