//! Two services in one program: a shop that takes orders, and a warehouse that packs them. Each is a manifest.
//!
//! `cargo run --example orders` runs `shop.toml`, `cargo run --example orders -- run -c examples/orders/warehouse.toml`
//! the other one; `README.md` tells what there is to see.

mod customers;
mod desk;
mod order;
mod packer;
mod sign;

use wirework_container::Host;

fn main() -> std::process::ExitCode {
    Host::new().manifest("examples/orders/shop.toml").main()
}
