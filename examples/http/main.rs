//! A service that is asked over HTTP, by a component that is an axum server.
//!
//! `cargo run --example http` runs `service.toml`. `curl -d tea 127.0.0.1:8080/orders` places an order, and
//! `curl -X POST 127.0.0.1:8080/orders/next` takes the oldest one.

mod endpoint;

use wirework_container::Host;

fn main() -> std::process::ExitCode {
    Host::new().manifest("examples/http/service.toml").version(env!("CARGO_PKG_VERSION")).main()
}
