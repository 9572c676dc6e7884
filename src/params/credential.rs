//! A credential.

use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt;

use super::masked::{Hidden, Masked};
use crate::config::Secret;

/// Who somebody is, and the proof of it. `Debug` shows neither, only what is set.
///
/// ```
/// use wirework::auth::CredentialParams;
/// use wirework::config::Secret;
/// let credential = CredentialParams {
///     username: Some("ann".to_owned()),
///     password: Some(Secret::new("hunter2")),
///     ..CredentialParams::default()
/// };
/// assert!(!format!("{credential:?}").contains("hunter2"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CredentialParams {
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Further parts by name, such as a token.
    pub parameters: BTreeMap<String, Secret>,
}

impl CredentialParams {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.username.is_none() && self.password.is_none() && self.parameters.is_empty()
    }

    /// This credential with what it leaves out taken from `other`, key by key.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.username = self.username.or(other.username);
        self.password = self.password.or(other.password);
        for (name, value) in other.parameters {
            if let Entry::Vacant(entry) = self.parameters.entry(name) {
                entry.insert(value);
            }
        }
        self
    }

    /// The same with `None` for every empty string.
    pub(crate) fn filled(mut self) -> Self {
        self.username.take_if(|username| username.is_empty());
        self.password.take_if(|password| password.expose().is_empty());
        self.parameters.retain(|_, value| !value.expose().is_empty());
        self
    }
}

impl fmt::Debug for CredentialParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialParams")
            .field("username", &self.username.as_ref().map(|_| Hidden))
            .field("password", &self.password)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}
