//! Requests as spans of traces.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, Method, StatusCode};

use super::route_times::{OTHER, known};
use crate::trace::{SpanKind, SpanValue, TraceContext, TraceRecord, Tracer};

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The header of the trace context.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What OpenTelemetry calls a method that HTTP does not know, and a request with one.
const OTHER_METHOD: &str = "_OTHER";
const OTHER_REQUEST: &str = "HTTP";

/// Tells the tracers of requests that were answered.
pub(super) struct Spans(Tracer);

/// A request that was answered.
pub(super) struct Answered<'a> {
    pub trace: &'a TraceContext,
    pub method: &'a Method,
    pub path: &'a str,
    /// The pattern of the route, where one has answered.
    pub route: Option<&'a str>,
    pub status: StatusCode,
    pub took: Duration,
}

impl Spans {
    pub(super) fn new(tracer: Tracer) -> Self {
        Self(tracer)
    }

    /// The call that a request with these headers is, within the trace of who calls, or at the beginning of one.
    pub(super) fn accept(&self, headers: &HeaderMap) -> TraceContext {
        let values = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
        self.0.accept(TraceContext::read(values(TRACEPARENT), values(TRACESTATE)).as_ref())
    }

    /// Tells of a request. It is named by its route, of which there are few, and never by its path.
    pub(super) fn tell(&self, answered: &Answered<'_>) {
        let Answered { trace, method, path, route, status, took } = *answered;
        if !self.0.records(trace) {
            return;
        }
        let (method, named) = match known(method) {
            OTHER => (OTHER_METHOD, OTHER_REQUEST),
            method => (method, method),
        };
        let operation = route.map_or_else(|| named.to_owned(), |route| format!("{named} {route}"));
        let mut attributes = vec![
            ("http.request.method", SpanValue::from(method)),
            ("http.response.status_code", i64::from(status.as_u16()).into()),
            ("url.path", path.into()),
        ];
        attributes.extend(route.map(|route| ("http.route", route.into())));
        let failed = ServerFailed(status);
        let error: Option<&(dyn StdError + 'static)> =
            if status.is_server_error() { Some(&failed) } else { None };
        let mut record = TraceRecord::new("http", &operation, took);
        record.began = SystemTime::now().checked_sub(took).unwrap_or(record.began);
        (record.trace_id, record.span) = (Some(trace.trace_id()), Some(trace));
        (record.kind, record.attributes, record.error) = (SpanKind::Server, &attributes, error);
        self.0.tell(&record);
    }
}

/// The service failed to answer a request as it should.
#[derive(Debug)]
struct ServerFailed(StatusCode);

impl fmt::Display for ServerFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered with {}", self.0)
    }
}

impl StdError for ServerFailed {}
