//! The endpoint: routes over HTTP, served as long as the component is open.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::TcpListener;
use wirework::component::{Claim, Component, Context};
use wirework::log::Logger;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, ErrorContext as _, references, register};

/// Where the endpoint listens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// The name or IP address to listen on.
    #[serde(default = "host")]
    host: String,
    /// The TCP port; 0 takes a free one.
    #[serde(default = "port")]
    port: u16,
}

fn host() -> String {
    "127.0.0.1".to_owned()
}

const fn port() -> u16 {
    8080
}

references! {
    pub struct EndpointReferences {
        /// Says where it listens.
        logger: Logger = "*:logger:*:*:1.0",
        /// The orders.
        orders: Arc<dyn MessageQueue> = "*:message-queue:*:orders:1.0",
    }
}

/// An HTTP server with the routes of this service.
pub struct Endpoint {
    config: EndpointConfig,
    references: EndpointReferences,
}

impl Component for Endpoint {
    const DESCRIPTOR: &'static str = "acme:endpoint:http:*:1.0";
    const SUMMARY: &'static str = "Takes orders over HTTP.";
    type Config = EndpointConfig;
    type References = EndpointReferences;

    // Two components that listen on one port are an error of `check`.
    fn claims(_: &Descriptor, config: &EndpointConfig) -> Vec<Claim> {
        vec![Claim::Port { host: config.host.clone(), port: config.port }]
    }

    fn create(_: &Descriptor, config: EndpointConfig, references: EndpointReferences) -> Result<Self, Error> {
        Ok(Self { config, references })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let EndpointConfig { host, port } = &self.config;
        let listening = || format!("listening on {host}:{port}");
        let listener = TcpListener::bind((host.as_str(), *port)).await.with_context(listening)?;
        let address = listener.local_addr().with_context(listening)?;
        let server = axum::serve(listener, routes(Arc::clone(&self.references.orders)));
        // The container cancels the context before it closes the component: the server takes no request more, and ends.
        let closing = context.clone();
        let server = server.with_graceful_shutdown(async move { closing.cancelled().await });
        context.spawn("serve", async move { server.await.context("serving HTTP") });
        self.references.logger.info(format_args!("HTTP endpoint listens on http://{address}"));
        Ok(())
    }
}
register!(Endpoint);

fn routes(orders: Arc<dyn MessageQueue>) -> Router {
    Router::new().route("/orders", post(place)).route("/orders/next", post(next)).with_state(orders)
}

type Orders = State<Arc<dyn MessageQueue>>;
type Answer = Result<(StatusCode, String), (StatusCode, String)>;

/// Sends what was posted to the queue.
async fn place(State(orders): Orders, order: String) -> Answer {
    orders.send(MessageEnvelope::new("order", order)).await.map_err(refusal)?;
    Ok((StatusCode::ACCEPTED, String::new()))
}

/// Takes the oldest order.
async fn next(State(orders): Orders) -> Answer {
    let Some(order) = orders.receive(Duration::ZERO).await.map_err(refusal)? else {
        return Ok((StatusCode::NO_CONTENT, String::new()));
    };
    orders.complete(&order).await.map_err(refusal)?;
    Ok((StatusCode::OK, order.text().unwrap_or_default().to_owned()))
}

/// The status that belongs to the category of an error, and its text.
fn refusal(error: Error) -> (StatusCode, String) {
    let status = StatusCode::from_u16(error.category().status());
    (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_string())
}
