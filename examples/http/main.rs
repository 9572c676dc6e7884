//! A REST controller at the stock endpoint. `cargo run --example http` runs `service.toml`;
//! `curl '127.0.0.1:8080/hello_world/greeting?name=John'` is greeted, `curl 127.0.0.1:8080/healthz` sees how the service is.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use schemars::JsonSchema;
use serde::Deserialize;
use wirework::component::{Component, Context};
use wirework::http::{BaseRoute, HttpRoutes, Mount};
use wirework::{Descriptor, Error, references, register};
use wirework_container::Host;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GreetingsConfig {
    /// Where its routes begin.
    base_route: BaseRoute,
}

references! {
    struct GreetingsReferences {
        /// Where it has its routes.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
    }
}

struct Greetings(Mount);

#[derive(Deserialize)]
struct Whom {
    name: String,
}

impl Component for Greetings {
    const DESCRIPTOR: &'static str = "hello-world:controller:http:*:1.0";
    const SUMMARY: &'static str = "Greets over HTTP.";
    type Config = GreetingsConfig;
    type References = GreetingsReferences;

    fn create(
        name: &Descriptor,
        config: GreetingsConfig,
        references: GreetingsReferences,
    ) -> Result<Self, Error> {
        Ok(Self(references.endpoint.reserve(name, &config.base_route)?))
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        let greet = async |Query(whom): Query<Whom>| format!("Hello, {}!", whom.name);
        self.0.open(Router::new().route("/greeting", get(greet)));
        Ok(())
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.0.close().await;
        Ok(())
    }
}
register!(Greetings);

fn main() -> std::process::ExitCode {
    Host::new().manifest("examples/http/service.toml").version(env!("CARGO_PKG_VERSION")).main()
}
