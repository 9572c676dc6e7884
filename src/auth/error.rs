//! The errors of credentials.

use crate::connect::{Asked, asked};
use crate::{Category, Coded};
use std::borrow::Cow;

/// Why a credential cannot be found. No variant shows any part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A store key, but nobody to ask.
    #[error(
        "credential `{key}` is to be looked up, but no credential store is referenced; add a component such as \
         `pip-services:credential-store:memory:default:1.0`"
    )]
    NoStore {
        /// The key.
        key: String,
    },
    /// No store has the key.
    #[error("credential `{key}` is in none of the credential stores: {}", asked(.stores))]
    NotFound {
        /// The key.
        key: String,
        /// The stores that were asked, in order.
        stores: Vec<Asked>,
    },
    /// A store that only reads.
    #[error("credential store `{store}` is read-only: credential `{key}` cannot be stored")]
    ReadOnly {
        /// The store.
        store: String,
        /// The key.
        key: String,
    },
}

impl Coded for CredentialError {
    fn category(&self) -> Category {
        match self {
            // As in Pip.Services, although the cause is a manifest that lacks a component.
            Self::NoStore { .. } => Category::Internal,
            Self::ReadOnly { .. } => Category::Unsupported,
            _ => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoStore { .. } => "REF_ERROR",
            Self::NotFound { .. } => "MISSING_CREDENTIALS",
            Self::ReadOnly { .. } => "UNSUPPORTED",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::NoStore { .. } | Self::NotFound { .. } => vec!["credential.store_key".into()],
            Self::ReadOnly { .. } => Vec::new(),
        }
    }
}
