//! A service in three lines: an MQTT broker, what connects to it, and two components of its own.
//!
//! `cargo run --example telemetry` runs `service.toml`; `cargo run --example telemetry -- --help` shows what else this
//! binary can do.

mod aggregator;
mod reading;
mod sensor;
mod window;

use wirework_container::Host;

// The components register themselves. Those of another crate are linked with `use acme_sensors as _;`.
fn main() -> std::process::ExitCode {
    Host::new().manifest("examples/telemetry/service.toml").main()
}
