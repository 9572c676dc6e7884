//! The status of Pip.Services: what the service is called, since when it runs, and how its components are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::answer::json_answer;
use super::controller_config::ControllerConfig;
use super::health::component;
use super::routes::{HttpRoutes, Mount};
use crate::component::{Claim, Component, Context, Descriptor, ServiceView, Stage};
use crate::context_info::ContextInfo;
use crate::environment::process_id;
use crate::error::Error;
use crate::text::timestamp;
use crate::{references, register};

/// The controller's route unless another is configured.
const ROUTE: &str = "status";

references! {
    /// What a [`StatusController`] asks for.
    pub struct StatusControllerReferences {
        /// Where it has its route.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
        /// What the service is called, where it is not what the manifest says.
        context_info: Option<Arc<dyn ContextInfo>> = "*:context-info:*:*:1.0",
    }
}

crate::opaque::opaque!(StatusControllerReferences);

/// Answers `GET /status` with what the service is called, since when it runs and how its components are, as JSON,
/// `pip-services:status-controller:http:*:1.0`.
///
/// The keys are those of Pip.Services: `id`, `name`, `description`, `start_time`, `current_time`, `uptime` (milliseconds),
/// `properties`, `components` (descriptors in manifest order); `state`, `readiness` and `states` (the components as `/healthz` has
/// them) are more.
pub struct StatusController {
    mount: Mount,
    info: Option<Arc<dyn ContextInfo>>,
}

crate::opaque::opaque!(StatusController);

impl Component for StatusController {
    const DESCRIPTOR: &'static str = "pip-services:status-controller:http:*:1.0";
    const SUMMARY: &'static str = "Answers GET /status with name, uptime and states of the service.";
    const STAGE: Stage = Stage::Observe;
    type Config = ControllerConfig;
    type References = StatusControllerReferences;

    fn claims(_: &Descriptor, config: &ControllerConfig) -> Vec<Claim> {
        vec![config.claim(ROUTE)]
    }

    fn create(
        identity: &Descriptor,
        config: ControllerConfig,
        references: StatusControllerReferences,
    ) -> Result<Self, Error> {
        let route = config.path(ROUTE);
        let mount = references.endpoint.reserve(identity, &route)?;
        Ok(Self { mount, info: references.context_info })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let (service, info) = (context.service().clone(), self.info.clone());
        let status = move || {
            let status = status(&service, info.as_deref());
            async move { json_answer(StatusCode::OK, status.to_string()) }
        };
        self.mount.open(Router::new().route("/", get(status)));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.mount.close().await;
        Ok(())
    }
}
register!(StatusController);

fn status(service: &ServiceView, info: Option<&dyn ContextInfo>) -> Value {
    let (now, started) = (SystemTime::now(), service.started());
    let uptime = now.duration_since(started).unwrap_or_default().as_millis();
    let description = service.description().unwrap_or_default();
    let components = service.components();
    let names: Vec<_> = components.iter().map(|component| component.descriptor.as_str()).collect();
    let properties: &BTreeMap<String, String> =
        info.map_or(const { &BTreeMap::new() }, ContextInfo::properties);
    json!({
        "id": info.map_or_else(process_id, |info| info.context_id().to_owned()),
        "name": info.map_or(service.name(), ContextInfo::name),
        "description": info.map_or(description, ContextInfo::description),
        "start_time": timestamp(started),
        "current_time": timestamp(now),
        "uptime": u64::try_from(uptime).unwrap_or(u64::MAX),
        "properties": properties,
        "components": names,
        "state": service.state().name(),
        "readiness": service.readiness().name(),
        "states": components.iter().map(component).collect::<Vec<_>>(),
    })
}
