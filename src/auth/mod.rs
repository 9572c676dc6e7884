//! Credentials: their parameters, the stores that keep them, and the resolver that brings both together.
//!
//! A component's config has `credential: Option<CredentialConfig>` and `credentials: Option<Vec<CredentialConfig>>`,
//! joined by [`one_or_many`](crate::connect::one_or_many). In `open` it asks a [`CredentialResolver`].

mod config;
mod entry;
mod env;
mod error;
mod file;
mod memory;
mod resolver;
mod secret_file;
#[cfg(any(feature = "mqtt", feature = "broker"))]
mod static_lookups;
mod store;

pub use config::CredentialConfig;
pub use entry::CredentialEntry;
pub use env::EnvCredentialStore;
pub use error::CredentialError;
pub use file::{FileCredentialStore, FileCredentialStoreConfig, FileCredentialStoreReferences};
pub use memory::{MemoryCredentialStore, MemoryCredentialStoreConfig};
pub use resolver::CredentialResolver;
pub use secret_file::SecretFileError;
#[cfg(any(feature = "mqtt", feature = "broker"))]
pub(crate) use static_lookups::{exposed, static_lookups};
pub use store::CredentialStore;

pub use crate::file::Exposure;
pub use crate::params::CredentialParams;
