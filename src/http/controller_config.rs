//! Where a controller has its route.

use schemars::JsonSchema;
use serde::Deserialize;

use super::base_route::BaseRoute;
use crate::component::Claim;

/// The configuration of a controller with one route: of [`HeartbeatController`](super::HeartbeatController),
/// [`StatusController`](super::StatusController) and the controller of metrics.
///
/// ```
/// use wirework::config::from_pairs;
/// use wirework::http::ControllerConfig;
/// let config: ControllerConfig = from_pairs([("base_route", "api"), ("route", "about")])?;
/// assert_eq!((config.base_route.as_str(), config.route.unwrap().as_str()), ("/api", "/about"));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ControllerConfig {
    /// Where its route begins.
    pub base_route: BaseRoute,
    /// Its route, below `base_route`; the controller's own name where none is given: `heartbeat`, `status` or `metrics`.
    pub route: Option<BaseRoute>,
}

impl ControllerConfig {
    /// The whole path; `name` is the controller's own.
    pub(crate) fn path(&self, name: &str) -> BaseRoute {
        self.base_route.join(self.route.as_ref(), name)
    }

    /// The claim to that path, at the endpoint that the reference `endpoint` leads to.
    pub(crate) fn claim(&self, name: &str) -> Claim {
        Claim::Route { reference: "endpoint", base: self.path(name).to_string() }
    }
}
