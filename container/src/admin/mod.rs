//! What an operator may see of a running service, and do to it, over HTTP: `pip-services:admin-controller:http:*:1.0`.
//!
//! Reading never changes anything. Writing needs a token, or comes over a Unix socket that only the user of the process may use. What a
//! browser sends for a page of somebody else is refused.

mod answers;
mod api;
mod authorization;
mod config;
mod controller;
mod counters;
mod drawing;
mod error;
mod events;
mod guesses;
mod layers;
mod openapi;
mod page;
mod recent_log;
mod requests;
mod routes;
mod token;

pub use config::{AdminControllerConfig, AdminOptions};
pub use controller::{AdminController, AdminControllerReferences};
