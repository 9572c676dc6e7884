//! The heartbeat of Pip.Services: the time, for those who look whether somebody answers.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;

use super::answer::json_answer;
use super::controller_config::ControllerConfig;
use super::routes::{HttpRoutes, Mount};
use crate::component::{Claim, Component, Context, Descriptor, Stage};
use crate::error::Error;
use crate::text::timestamp;
use crate::{references, register};

/// The controller's route unless another is configured.
const ROUTE: &str = "heartbeat";

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
pub struct HeartbeatController(Mount);

crate::opaque::opaque!(HeartbeatController);

impl Component for HeartbeatController {
    const DESCRIPTOR: &'static str = "pip-services:heartbeat-controller:http:*:1.0";
    const SUMMARY: &'static str = "Answers GET /heartbeat with the time.";
    const STAGE: Stage = Stage::Observe;
    type Config = ControllerConfig;
    type References = HeartbeatControllerReferences;

    fn claims(_: &Descriptor, config: &ControllerConfig) -> Vec<Claim> {
        vec![config.claim(ROUTE)]
    }

    fn create(
        identity: &Descriptor,
        config: ControllerConfig,
        references: HeartbeatControllerReferences,
    ) -> Result<Self, Error> {
        let route = config.path(ROUTE);
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
