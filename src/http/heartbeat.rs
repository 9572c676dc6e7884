//! The heartbeat of Pip.Services: the time, for those who look whether somebody answers.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::answer::json_answer;
use super::base_route::BaseRoute;
use super::health::timestamp;
use super::routes::{HttpRoutes, Mount};
use crate::component::{Claim, Component, Context, Descriptor};
use crate::error::Error;
use crate::{references, register};

/// The configuration of [`HeartbeatController`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatControllerConfig {
    /// Where its route begins.
    pub base_route: BaseRoute,
    /// Its route, below `base_route`; `heartbeat` where none is given.
    pub route: Option<BaseRoute>,
}

impl HeartbeatControllerConfig {
    fn path(&self) -> BaseRoute {
        self.base_route.join(self.route.as_ref(), "heartbeat")
    }
}

references! {
    /// What a [`HeartbeatController`] asks for.
    pub struct HeartbeatControllerReferences {
        /// Where it has its route.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
    }
}

crate::opaque::opaque!(HeartbeatControllerReferences);

/// Answers `GET /heartbeat` with the time as a JSON string, `pip-services:heartbeat-controller:http:*:1.0`. Whether the service is
/// well is what the endpoint's own `/livez` and `/readyz` say.
///
/// ```
/// use wirework::config::from_pairs;
/// use wirework::http::HeartbeatControllerConfig;
/// let config: HeartbeatControllerConfig = from_pairs([("base_route", "api")])?;
/// assert_eq!(config.base_route.as_str(), "/api");
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct HeartbeatController(Mount);

crate::opaque::opaque!(HeartbeatController);

impl Component for HeartbeatController {
    const DESCRIPTOR: &'static str = "pip-services:heartbeat-controller:http:*:1.0";
    const SUMMARY: &'static str = "Answers GET /heartbeat with the time.";
    type Config = HeartbeatControllerConfig;
    type References = HeartbeatControllerReferences;

    fn claims(_: &Descriptor, config: &HeartbeatControllerConfig) -> Vec<Claim> {
        vec![Claim::Route { reference: "endpoint", base: config.path().to_string() }]
    }

    fn create(
        identity: &Descriptor,
        config: HeartbeatControllerConfig,
        references: HeartbeatControllerReferences,
    ) -> Result<Self, Error> {
        let route = config.path();
        Ok(Self(references.endpoint.reserve(identity, &route)?))
    }

    async fn open(&self, _: &Context) -> Result<(), Error> {
        let now = async || {
            let now = Value::from(timestamp(SystemTime::now()));
            json_answer(axum::http::StatusCode::OK, now.to_string()).into_response()
        };
        self.0.open(Router::new().route("/", get(now)));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.0.close().await;
        Ok(())
    }
}
register!(HeartbeatController);
