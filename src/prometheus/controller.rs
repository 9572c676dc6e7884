//! Metrics over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exposition::Exposition;
use super::format::{TextFormat, prefers_gzip};
use crate::component::{Claim, Component, Context, Descriptor, Stage};
use crate::error::Error;
use crate::gzip;
use crate::http::{ControllerConfig, HttpRoutes, Mount};
use crate::{references, register};

/// The controller's route unless another is configured.
const ROUTE: &str = "metrics";

/// How many answers are written at once, each on a thread of its own; further scrapes wait for their turn.
const AT_ONCE: usize = 2;

references! {
    /// What a [`MetricsController`] asks for.
    pub struct MetricsControllerReferences {
        /// Where it has its route.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
        /// What it shows.
        counters: Arc<dyn Exposition> = "*:counters:prometheus:*:1.0",
    }
}

crate::opaque::opaque!(MetricsControllerReferences);

/// Answers `GET /metrics` with the metrics of the service, `pip-services:metrics-controller:prometheus:*:1.0`.
///
/// The format is the text format 0.0.4 of Prometheus, or OpenMetrics 1.0 for those who prefer it by `Accept`; compressed by gzip for
/// those who take that by `Accept-Encoding`, from 1 KiB. It only reads: however many scrape, each sees all; two at a time, so that they
/// never take the processors from the service's own work. It opens before what works and closes after it, as the endpoint does.
pub struct MetricsController {
    mount: Mount,
    counters: Arc<dyn Exposition>,
}

crate::opaque::opaque!(MetricsController);

impl Component for MetricsController {
    const DESCRIPTOR: &'static str = "pip-services:metrics-controller:prometheus:*:1.0";
    const SUMMARY: &'static str = "Answers GET /metrics with the metrics of the service, for Prometheus.";
    const STAGE: Stage = Stage::Observe;
    type Config = ControllerConfig;
    type References = MetricsControllerReferences;

    fn claims(_: &Descriptor, config: &ControllerConfig) -> Vec<Claim> {
        vec![config.claim(ROUTE)]
    }

    fn create(
        identity: &Descriptor,
        config: ControllerConfig,
        references: MetricsControllerReferences,
    ) -> Result<Self, Error> {
        let mount = references.endpoint.reserve(identity, &config.path(ROUTE))?;
        Ok(Self { mount, counters: references.counters })
    }

    async fn open(&self, _: &Context) -> Result<(), Error> {
        let (counters, turns) = (Arc::clone(&self.counters), Arc::new(Semaphore::new(AT_ONCE)));
        let metrics = move |headers: HeaderMap| {
            let wanted = Wanted::by(&headers);
            let (counters, turns) = (Arc::clone(&counters), Arc::clone(&turns));
            async move {
                // It is never closed.
                let turn = turns.acquire_owned().await;
                answer(counters, wanted, turn.ok()).await
            }
        };
        self.mount.open(Router::new().route("/", get(metrics)));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.mount.close().await;
        Ok(())
    }
}
register!(MetricsController);

/// What a client prefers.
#[derive(Clone, Copy)]
struct Wanted {
    format: TextFormat,
    gzip: bool,
}

impl Wanted {
    /// By all of its `Accept` and `Accept-Encoding`.
    fn by(headers: &HeaderMap) -> Self {
        let all = |name: HeaderName| {
            let values: Vec<_> =
                headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            values.join(",")
        };
        Self { format: TextFormat::accepted(&all(ACCEPT)), gzip: prefers_gzip(&all(ACCEPT_ENCODING)) }
    }
}

/// A body, and whether it is compressed.
fn body(counters: &dyn Exposition, wanted: Wanted) -> (Vec<u8>, bool) {
    let text = counters.text(wanted.format).into_bytes();
    let compressed = (wanted.gzip && text.len() >= gzip::LEAST).then(|| gzip::compressed(&text));
    // Nothing that is written into memory fails; were it so, the text is there.
    match compressed {
        Some(Ok(compressed)) => (compressed, true),
        Some(Err(_)) | None => (text, false),
    }
}

/// The answer. It is written on a thread for what blocks: thousands of series and `/proc` would hold up a worker's other tasks. That goes on
/// where nobody waits for it any more, and has its turn until it has ended.
async fn answer(
    counters: Arc<dyn Exposition>,
    wanted: Wanted,
    turn: Option<OwnedSemaphorePermit>,
) -> Response {
    let written = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        body(&*counters, wanted)
    });
    let written = written.await;
    let (body, gzip) = match written {
        Ok(written) => written,
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let content_type = wanted.format.content_type();
    let headers =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (VARY, "accept, accept-encoding")];
    let mut response = (headers, body).into_response();
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static str);

    impl Exposition for Fixed {
        fn text(&self, _: TextFormat) -> String {
            self.0.repeat(100)
        }
    }

    #[test]
    fn what_fits_into_a_packet_goes_as_it_is() {
        let compressed = |text, gzip| body(&Fixed(text), Wanted { format: TextFormat::Text, gzip }).1;
        let long = "# a line of a scrape\n";
        assert_eq!(
            (compressed("up 1\n", true), compressed(long, true), compressed(long, false)),
            (false, true, false)
        );
    }
}
