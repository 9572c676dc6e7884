//! The component.

use std::sync::Arc;

use once_cell::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use wirework::component::{Claim, Component, Context, Offer, Stage};
use wirework::config::Invalid;
use wirework::count::{Cell, CounterSink};
use wirework::http::{HttpRoutes, Mount};
use wirework::log::LogObserver;
use wirework::{Category, Descriptor, Error, offers, references, register};

use super::api::Api;
use super::authorization::Authorization;
use super::config::{AdminControllerConfig, AdminOptions};
use super::counters::ComponentCounters;
use super::recent_log::RecentLog;
use super::routes::router;
use super::token::Token;
use crate::run::{Operator, OperatorAccess};

references! {
    /// What an [`AdminController`] asks for.
    pub struct AdminControllerReferences {
        /// Where it has its routes.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
    }
}

wirework::opaque!(AdminControllerReferences);

/// Shows operators a running service over HTTP and lets them restart its components, drain and stop it, and set log levels, `pip-services:admin-controller:http:*:1.0`.
///
/// A page for them is at `/admin/`, the API below `/admin/api`; `GET /admin/api/openapi.json` describes it.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:endpoint:http:default:1.0"
///
/// [[component]]
/// descriptor = "pip-services:admin-controller:http:default:1.0"
/// options.token_file = "secrets/operator"
/// ```
pub struct AdminController {
    mount: Mount,
    options: AdminOptions,
    access: OnceCell<OperatorAccess>,
    log: Arc<RecentLog>,
    counters: Arc<ComponentCounters>,
    /// Ends the streams of events.
    ended: CancellationToken,
}

wirework::opaque!(AdminController);

impl Component for AdminController {
    const DESCRIPTOR: &'static str = "pip-services:admin-controller:http:*:1.0";
    const SUMMARY: &'static str = "Shows operators the running service over HTTP and takes their commands.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Operator, dyn CounterSink];
    const STAGE: Stage = Stage::Observe;
    type Config = AdminControllerConfig;
    type References = AdminControllerReferences;

    fn validate(_: &Descriptor, config: &AdminControllerConfig) -> Vec<Invalid> {
        config.options.validate()
    }

    fn claims(_: &Descriptor, config: &AdminControllerConfig) -> Vec<Claim> {
        vec![Claim::Route { reference: "endpoint", base: config.base_route.to_string() }]
    }

    fn create(
        identity: &Descriptor,
        config: AdminControllerConfig,
        references: AdminControllerReferences,
    ) -> Result<Self, Error> {
        let mount = references.endpoint.reserve(identity, &config.base_route)?;
        let (access, ended) = (OnceCell::new(), CancellationToken::new());
        let (log, counters) = (Arc::default(), Arc::default());
        Ok(Self { mount, options: config.options, access, log, counters, ended })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let token = match self.options.token_file.clone() {
            Some(path) => tokio::task::spawn_blocking(move || Token::read(&path))
                .await
                .map_err(|error| {
                    Error::new(Category::Internal, "READ_FAILED", "the token was not read").with_source(error)
                })?
                .map(Some)?,
            None => None,
        };
        let authorization = Arc::new(Authorization::new(token));
        let operator = self.access.get().cloned();
        let (log, counters) = (Arc::clone(&self.log), Arc::clone(&self.counters));
        let api = Api { context: context.clone(), operator, log, counters, ended: self.ended.clone() };
        self.mount.open(router(self.mount.base(), api, authorization));
        let addresses = self.mount.addresses();
        if !addresses.is_empty() {
            tracing::info!("the page for operators is at {}/", addresses.join("/, "));
        }
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.ended.cancel();
        self.mount.close().await;
        Ok(())
    }
}
register!(AdminController);

impl Operator for AdminController {
    fn take(&self, access: OperatorAccess) {
        // A container gives it once.
        let _ = self.access.set(access);
    }

    fn log_observer(&self) -> Arc<dyn LogObserver> {
        Arc::clone(&self.log) as _
    }
}

impl CounterSink for AdminController {
    fn register(&self, cell: Arc<Cell>) {
        self.counters.register(cell);
    }
}
