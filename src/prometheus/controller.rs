//! Metrics over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::exposition::Exposition;
use super::format::TextFormat;
use crate::component::{Claim, Component, Context, Descriptor, Stage};
use crate::error::Error;
use crate::http::{ControllerConfig, HttpRoutes, Mount};
use crate::{references, register};

/// The controller's route unless another is configured.
const ROUTE: &str = "metrics";

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
/// The format is the text format 0.0.4 of Prometheus, or OpenMetrics 1.0 for those who prefer it by `Accept`. It only reads: however
/// many scrape, each sees all. It opens before what works and closes after it, as the endpoint does.
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
        let counters = Arc::clone(&self.counters);
        let metrics = move |headers: HeaderMap| metrics(Arc::clone(&counters), accepted(&headers));
        self.mount.open(Router::new().route("/", get(metrics)));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.mount.close().await;
        Ok(())
    }
}
register!(MetricsController);

/// What the client prefers, by all of its `Accept`.
fn accepted(headers: &HeaderMap) -> TextFormat {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    TextFormat::accepted(&accept.join(","))
}

/// The answer. It is written on a thread for what blocks: thousands of series and `/proc` would hold up a worker's other tasks.
async fn metrics(counters: Arc<dyn Exposition>, format: TextFormat) -> Response {
    match tokio::task::spawn_blocking(move || counters.text(format)).await {
        Ok(text) => {
            let headers = [(CONTENT_TYPE, format.content_type()), (CACHE_CONTROL, "no-store")];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
