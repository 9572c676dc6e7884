//! What is answered to a request.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::ORIGIN;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use futures_util::FutureExt;
use hyper::body::Incoming;
use tokio::time::timeout;
use tower::ServiceExt;

use super::answer::{in_words, not_allowed, nothing_here, refusal, try_later};
use super::body::limited;
use super::config::HttpOptions;
use super::cors::Cors;
use super::health::Probe;
use super::hosts::{Hosts, KnownHost};
use super::routes::{Route, RouteTable, WithoutSlash};
use super::spans::TRACEPARENT;
use super::telemetry::RequestTelemetry;
use crate::component::{ServiceView, panic_error};

/// Answers the requests of an endpoint.
pub(super) struct Requests {
    options: HttpOptions,
    routes: Arc<RouteTable>,
    service: ServiceView,
    telemetry: RequestTelemetry,
    cors: Option<Cors>,
}

impl Requests {
    /// Those to these routes, of this service.
    pub(super) fn new(
        options: HttpOptions,
        routes: Arc<RouteTable>,
        service: ServiceView,
        telemetry: RequestTelemetry,
    ) -> Self {
        let HttpOptions { cors_origins, cors_headers, cors_credentials, .. } = &options;
        let cors = Cors::of(cors_origins, cors_headers, *cors_credentials);
        Self { options, routes, service, telemetry, cors }
    }

    /// What is counted and logged.
    pub(super) fn telemetry(&self) -> &RequestTelemetry {
        &self.telemetry
    }

    /// The answer to a request that has come to one of these hosts.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<SocketAddr>,
        hosts: &Hosts,
    ) -> Response<Body> {
        let origin = self.cors.as_ref().and_then(|_| request.headers().get(ORIGIN).cloned());
        let known = hosts.check(&request);
        let mut response = match (&known, self.probe(&request)) {
            (Ok(_), Some(response)) => response,
            (Ok(known), None) => self.observed(request, peer, Ok(*known)).await,
            (Err(bad), _) => self.observed(request, peer, Err(bad.answer())).await,
        };
        if let Some(cors) = &self.cors {
            cors.mark(origin.as_ref(), response.headers_mut());
        }
        response
    }

    /// What is answered to a probe.
    fn probe(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let probe = Probe::at(request.uri().path()).filter(|_| self.options.health)?;
        Some(match *request.method() {
            Method::GET | Method::HEAD => probe.answer(&self.service),
            // A browser asks that.
            Method::OPTIONS => self.preflight(request).unwrap_or_else(not_allowed),
            _ => not_allowed(),
        })
    }

    fn preflight(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        self.cors.as_ref()?.preflight(request)
    }

    /// Answers a request, counts and logs it, and makes it a part of a trace.
    async fn observed(
        &self,
        mut request: Request<Incoming>,
        peer: Option<SocketAddr>,
        host: Result<Option<KnownHost>, Response<Body>>,
    ) -> Response<Body> {
        let trace = self.telemetry.trace_of(request.headers());
        let start = self.telemetry.begin(request.method(), request.uri().path());
        let mut response = match host {
            Err(refusal) => refusal,
            Ok(_) if self.options.maintenance_enabled => {
                let seconds = self.options.maintenance_retry_after.0.as_secs();
                try_later("MAINTENANCE", "the service is being maintained", seconds)
            }
            Ok(known) => match self.preflight(&request) {
                Some(response) => response,
                None => {
                    let extensions = request.extensions_mut();
                    extensions.insert(trace.clone());
                    extensions.insert(start.route().clone());
                    if let Some(known) = known {
                        extensions.insert(known);
                    }
                    self.route(request, peer).await
                }
            },
        };
        self.telemetry.end(&start, peer, &trace, &response);
        if let Ok(own) = HeaderValue::try_from(trace.to_string()) {
            response.headers_mut().insert(TRACEPARENT, own);
        }
        response
    }

    async fn route(&self, request: Request<Incoming>, peer: Option<SocketAddr>) -> Response<Body> {
        let (router, base, in_flight) = match self.routes.find(request.uri().path()) {
            Route::Open { router, base, in_flight } => (router, base, in_flight),
            Route::NotOpen(owner) => {
                let message = format!("`{owner}` is not open");
                return try_later("NOT_OPEN", &message, 1);
            }
            Route::Nobody => return nothing_here(),
        };
        let Ok((mut request, body)) = limited(request, self.options.request_max_size) else {
            return too_large(self.options.request_max_size);
        };
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        if base > 0 && request.uri().path().len() == base {
            request.extensions_mut().insert(WithoutSlash {});
        }
        *request.uri_mut() = below(request.uri(), base);
        let answer = in_flight.run(AssertUnwindSafe(router.oneshot(request)).catch_unwind());
        match timeout(self.options.request_timeout.0, answer).await {
            Ok(Some(Ok(Ok(response)))) => in_words(response),
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
    // The rest of a valid path, with a `/` before it, is valid: the default is never taken.
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
