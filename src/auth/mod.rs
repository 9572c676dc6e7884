//! Credentials: their parameters, the stores that keep them, and the resolver that brings both together.
//!
//! A component's config has `credential: Option<CredentialConfig>` and `credentials: Option<Vec<CredentialConfig>>`,
//! joined by [`one_or_many`](crate::connect::one_or_many). In `open` it asks a [`CredentialResolver`].

mod config;
mod error;
mod params;
mod resolver;
mod store;

pub use config::CredentialConfig;
pub use error::CredentialError;
pub use params::CredentialParams;
pub use resolver::CredentialResolver;
pub use store::CredentialStore;
