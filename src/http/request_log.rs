//! What is counted and logged of requests.

use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Method, Response};

use super::route_times::RouteTimes;
use super::routes::RoutePattern;
use crate::count::{Counters, Increment, Last, Timing};
use crate::text::clip;
use crate::trace::TraceContext;

/// Counts and logs the requests of an endpoint. Nothing that a client chooses is part of a counter's name.
pub(super) struct RequestLog {
    logs_all: bool,
    requests: Increment,
    refused: Increment,
    failed: Increment,
    time: Timing,
    routes: RouteTimes,
    connections: Last,
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

impl RequestLog {
    pub(super) fn new(counters: &Counters, logs_all: bool) -> Self {
        Self {
            logs_all,
            requests: counters.increment("http.request.count"),
            refused: counters.increment("http.request.refused"),
            failed: counters.increment("http.request.failed"),
            time: counters.timing("http.request.time"),
            routes: RouteTimes::new(counters),
            connections: counters.last("http.connection.open"),
        }
    }

    pub(super) fn connections(&self, open: usize) {
        #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
        self.connections.set(open as f64);
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
        // What no component has answered, such as a route that is not open yet, is no fault of one.
        let is_fault = status.is_server_error() && route.is_some();
        if !self.logs_all && !is_fault {
            return;
        }
        let (method, path, status) = (start.method.as_str(), start.path.as_str(), status.as_u16());
        let took_ms = took.as_secs_f64() * 1_000.0;
        let peer = peer.map(|peer| peer.to_string());
        let trace_id = trace.trace_id();
        if is_fault {
            tracing::warn!(trace_id, method, path, status, took_ms, peer, route, "a request failed");
        } else {
            tracing::info!(trace_id, method, path, status, took_ms, peer, route, "a request");
        }
    }
}
