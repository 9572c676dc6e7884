//! What is counted and logged of requests.

use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response};

use super::route_times::RouteTimes;
use super::routes::RoutePattern;
use super::spans::{Answered, Spans};
use crate::count::{Counters, Increment, Last, Timing};
use crate::text::clip;
use crate::trace::TraceContext;

/// Counts and logs the requests of an endpoint. Nothing that a client chooses is part of a counter's name.
pub(super) struct RequestTelemetry {
    logs_all: bool,
    requests: Increment,
    refused: Increment,
    failed: Increment,
    time: Timing,
    routes: RouteTimes,
    connections: Last,
    spans: Spans,
}

/// A request that is being answered.
pub(super) struct RequestStart {
    method: Method,
    path: String,
    began: Instant,
    /// The route that answers it, once it is found.
    route: RoutePattern,
}

impl RequestStart {
    /// Where its route is kept, once it is found.
    pub(super) fn route(&self) -> &RoutePattern {
        &self.route
    }
}

impl RequestTelemetry {
    pub(super) fn new(counters: &Counters, spans: Spans, logs_all: bool) -> Self {
        Self {
            logs_all,
            requests: counters.increment("http.request.count"),
            refused: counters.increment("http.request.refused"),
            failed: counters.increment("http.request.failed"),
            time: counters.timing("http.request.time"),
            routes: RouteTimes::new(counters),
            connections: counters.last("http.connection.open"),
            spans,
        }
    }

    pub(super) fn connections(&self, open: usize) {
        #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
        self.connections.set(open as f64);
    }

    /// Where a request with these headers stands in its trace.
    pub(super) fn trace_of(&self, headers: &HeaderMap) -> TraceContext {
        self.spans.accept(headers)
    }

    pub(super) fn begin(&self, method: &Method, path: &str) -> RequestStart {
        let (path, route) = (clip(path).into_owned(), RoutePattern::default());
        RequestStart { method: method.clone(), path, began: Instant::now(), route }
    }

    pub(super) fn end(
        &self,
        start: &RequestStart,
        peer: Option<SocketAddr>,
        trace: &TraceContext,
        response: &Response<Body>,
    ) {
        let (status, took) = (response.status(), start.began.elapsed());
        self.requests.one();
        self.time.record(took);
        if status.is_server_error() {
            self.failed.one();
        } else if status.is_client_error() {
            self.refused.one();
        }
        let route = start.route.as_str();
        self.routes.of(route, &start.method, status).record(took);
        let (method, path) = (&start.method, &*start.path);
        self.spans.tell(&Answered { trace, method, path, route, status, took });
        // What no component has answered, such as a route that is not open yet, is no fault of one.
        let is_fault = status.is_server_error() && route.is_some();
        if !self.logs_all && !is_fault {
            return;
        }
        let (method, status) = (method.as_str(), status.as_u16());
        // To the microsecond: more digits are the noise of binary fractions.
        let took_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        let peer = peer.map(|peer| peer.to_string());
        let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
        if is_fault {
            tracing::warn!(trace_id, span_id, method, path, status, took_ms, peer, route, "a request failed");
        } else {
            tracing::info!(trace_id, span_id, method, path, status, took_ms, peer, route, "a request");
        }
    }
}
