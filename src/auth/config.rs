//! What a component's section says of a credential.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CredentialError, CredentialParams};
use crate::config::Secret;
use crate::connect::{Hidden, Masked, OneOrMany};

/// One credential as it is configured: `credential`, or an entry of `credentials`. An empty text counts as not set.
///
/// `user` and `pass` are read as `username` and `password`; both spellings at once are an error.
///
/// ```
/// use wirework::auth::CredentialConfig;
/// let config: CredentialConfig = toml::from_str("user = 'ann'\npassword = 'secret'")?;
/// assert_eq!(config.username.as_deref(), Some("ann"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(try_from = "CredentialFields")]
pub struct CredentialConfig {
    /// Key under which the referenced credential stores are asked, in order; what the first that has it keeps there
    /// fills what is not given here.
    pub store_key: Option<String>,
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
struct CredentialFields {
    /// Key under which the referenced credential stores are asked, in order; what the first that has it keeps there
    /// fills what is not given here.
    store_key: Option<String>,
    /// User name.
    username: Option<String>,
    /// Another spelling of `username`.
    user: Option<String>,
    /// Password; better kept in a credential store and named by `store_key`.
    password: Option<Secret>,
    /// Another spelling of `password`.
    pass: Option<Secret>,
    /// Further parts of the credential, by name, such as a token; which there are depends on the component.
    parameters: BTreeMap<String, Secret>,
}

impl TryFrom<CredentialFields> for CredentialConfig {
    type Error = CredentialError;

    fn try_from(fields: CredentialFields) -> Result<Self, CredentialError> {
        Ok(Self {
            store_key: fields.store_key.filter(|key| !key.is_empty()),
            username: one_user(fields.username, fields.user)?,
            password: one_password(fields.password, fields.pass)?,
            parameters: fields.parameters,
        })
    }
}

/// The user name by whichever key it is given.
pub(super) fn one_user(
    username: Option<String>,
    user: Option<String>,
) -> Result<Option<String>, CredentialError> {
    let [one, other] = [username, user].map(|text| text.filter(|text| !text.is_empty()));
    either(one, other).ok_or(CredentialError::TwoSpellings { one: "username", other: "user" })
}

/// The password by whichever key it is given.
pub(super) fn one_password(
    password: Option<Secret>,
    pass: Option<Secret>,
) -> Result<Option<Secret>, CredentialError> {
    let [one, other] = [password, pass].map(|secret| secret.filter(|secret| !secret.expose().is_empty()));
    either(one, other).ok_or(CredentialError::TwoSpellings { one: "password", other: "pass" })
}

/// The one that is given; nothing where both are.
fn either<T>(one: Option<T>, other: Option<T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(_), Some(_)) => None,
        (one, other) => Some(one.or(other)),
    }
}

impl CredentialConfig {
    /// What is given without a store; empty texts are `None`.
    #[must_use]
    pub fn inline(&self) -> CredentialParams {
        CredentialParams {
            username: self.username.clone(),
            password: self.password.clone(),
            parameters: self.parameters.clone(),
        }
        .filled()
    }

    /// The key to ask the stores for, where one is set.
    #[must_use]
    pub fn store_key(&self) -> Option<&str> {
        self.store_key.as_deref().filter(|key| !key.is_empty())
    }
}

impl OneOrMany for CredentialConfig {
    const ONE: &'static str = "credential";
    const MANY: &'static str = "credentials";
}

impl fmt::Debug for CredentialConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialConfig")
            .field("store_key", &self.store_key)
            .field("username", &self.username.as_ref().map(|_| Hidden))
            .field("password", &self.password)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CredentialConfig, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn both_spellings_are_read() {
        let config = read("user = 'ann'\npass = 'p'").unwrap();
        assert_eq!((config.username.as_deref(), config.password.unwrap().expose()), (Some("ann"), "p"));
        assert_eq!(read("user = 'ann'\nusername = ''").unwrap().username.as_deref(), Some("ann"));
        assert_eq!(read("store_key = ''").unwrap().store_key(), None);
    }

    #[test]
    fn both_at_once_are_an_error() {
        assert_eq!(
            read("user = 'canary'\nusername = 'canary'").unwrap_err(),
            "`username` and `user` are both given, but mean the same; give `username`"
        );
        let error = read("pass = 'canary'\npassword = 'canary'").unwrap_err();
        assert!(error.starts_with("`password` and `pass`") && !error.contains("canary"), "{error}");
        assert!(read("token = 'x'").unwrap_err().contains("unknown field `token`"));
    }

    #[test]
    fn schema_knows_both_spellings_and_marks_secrets() {
        let schema = schemars::schema_for!(CredentialConfig).to_value();
        assert_eq!(schema["additionalProperties"], false);
        for name in ["store_key", "username", "user", "password", "pass", "parameters"] {
            assert!(schema["properties"][name]["description"].is_string(), "{name}: {schema}");
        }
        assert_eq!(schema["properties"]["pass"]["writeOnly"], true);
        assert_eq!(schema["properties"]["parameters"]["additionalProperties"]["writeOnly"], true);
    }

    #[test]
    fn nothing_secret_shows() {
        let config =
            read("user = 'canary'\npass = 'canary'\nparameters = { token = 'canary' }\nstore_key = 'k'")
                .unwrap();
        let shown = format!("{config:?} {:?}", config.inline());
        assert!(!shown.contains("canary") && shown.contains("token"), "{shown}");
    }
}
