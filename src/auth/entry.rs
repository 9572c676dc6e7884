//! What a credential store is told of a credential.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::config::{one_password, one_user};
use super::{CredentialError, CredentialParams};
use crate::config::Secret;

/// One credential as a store keeps it. An empty text counts as not set; `user` and `pass` are read as `username` and
/// `password`; both spellings at once are an error.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(try_from = "EntryFields")]
pub struct CredentialEntry {
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Further parts of the credential, by name, such as a token.
    pub parameters: BTreeMap<String, Secret>,
}

/// One credential. An empty text counts as not set.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EntryFields {
    /// User name.
    username: Option<String>,
    /// Another spelling of `username`.
    user: Option<String>,
    /// Password.
    password: Option<Secret>,
    /// Another spelling of `password`.
    pass: Option<Secret>,
    /// Further parts of the credential, by name, such as a token.
    parameters: BTreeMap<String, Secret>,
}

impl TryFrom<EntryFields> for CredentialEntry {
    type Error = CredentialError;

    fn try_from(fields: EntryFields) -> Result<Self, CredentialError> {
        let username = one_user(fields.username, fields.user)?;
        let password = one_password(fields.password, fields.pass)?;
        Ok(Self { username, password, parameters: fields.parameters })
    }
}

impl From<CredentialEntry> for CredentialParams {
    fn from(CredentialEntry { username, password, parameters }: CredentialEntry) -> Self {
        Self { username, password, parameters }.filled()
    }
}

impl fmt::Debug for CredentialEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CredentialParams::from(self.clone()).fmt(f)
    }
}
