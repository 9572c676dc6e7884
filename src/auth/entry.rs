//! A credential as an entry of a credential store.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::CredentialParams;
use crate::config::Secret;

/// One credential as a store keeps it. An empty string counts as not set; `user` and `pass` are read as `username` and
/// `password`; both spellings at once are an error.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(from = "EntryKeys")]
pub struct CredentialEntry {
    /// User name.
    #[serde(alias = "user")]
    pub username: Option<String>,
    /// Password.
    #[serde(alias = "pass")]
    pub password: Option<Secret>,
    /// Further parts of the credential, by name, such as a token.
    pub parameters: BTreeMap<String, Secret>,
}

/// One credential. An empty string counts as not set.
// The schema: a derived one would not know the other spellings, and refuse what is read.
#[derive(Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EntryKeys {
    /// User name.
    username: Option<String>,
    /// Another spelling of `username`; give one of them.
    user: Option<String>,
    /// Password.
    password: Option<Secret>,
    /// Another spelling of `password`; give one of them.
    pass: Option<Secret>,
    /// Further parts of the credential, by name, such as a token.
    parameters: BTreeMap<String, Secret>,
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
