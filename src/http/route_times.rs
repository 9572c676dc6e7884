//! How long requests take, by route, method and class of the answer's code. Nothing that a client chooses becomes a name.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{Method, StatusCode};

use crate::count::{Counters, Timing};

/// The label of requests that match no route.
const UNKNOWN: &str = "unknown";

/// The method of requests with one that HTTP does not know.
pub(super) const OTHER: &str = "other";

/// One timing for each route, method and class.
pub(super) struct RouteTimes {
    counters: Counters,
    routes: RwLock<HashMap<Arc<str>, Timings>>,
}

/// Those of one route.
type Timings = HashMap<(&'static str, &'static str), Timing>;

impl RouteTimes {
    pub(super) fn new(counters: &Counters) -> Self {
        Self { counters: counters.clone(), routes: RwLock::default() }
    }

    /// The timing of a route pattern; `None` is that of all requests that match no route.
    pub(super) fn of(&self, route: Option<&str>, method: &Method, status: StatusCode) -> Timing {
        let (route, method, class) = (route.unwrap_or(UNKNOWN), known(method), class(status));
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(timing) = routes.get(route).and_then(|timings| timings.get(&(method, class))) {
            return timing.clone();
        }
        drop(routes);
        let timing = self.counters.timing(&format!("http.route.{method} {route} {class}.time"));
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route.into()).or_default().entry((method, class)).or_insert(timing).clone()
    }
}

/// The name of a method that HTTP knows.
pub(super) fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::count::{Cell, CounterSet, CounterSink};

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    #[test]
    fn what_a_client_chooses_is_no_name() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let times = RouteTimes::new(&counters);
        let brew = Method::from_bytes(b"BREW").unwrap();
        for (route, method, status) in [
            (Some("/tea/{kind}"), &Method::GET, 200),
            (Some("/tea/{kind}"), &Method::GET, 204),
            (Some("/tea/{kind}"), &Method::GET, 404),
            (None, &brew, 405),
            (None, &Method::POST, 700),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            times.of(route, method, status).record(Duration::from_millis(1));
        }
        let names: Vec<_> = sink.0.snapshot().iter().map(|counter| counter.name.to_string()).collect();
        let expected =
            ["GET /tea/{kind} 2xx", "GET /tea/{kind} 4xx", "POST unknown 5xx", "other unknown 4xx"];
        assert_eq!(names, expected.map(|name| format!("http.route.{name}.time")));
    }
}
