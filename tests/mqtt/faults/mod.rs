//! Links that break anywhere, answers that come late, twice, out of order or never, and sessions that are lied about:
//! nothing is lost, nothing comes twice beyond its QoS, no id is leaked, and nobody spins.

mod acks;
mod cutting;
mod garbage;
mod inside;
mod life;
mod listeners;
mod model;
mod packets;
mod quiet;
mod sessions;
mod tempers;

pub use life::version;
