//! The configuration of a credential.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::CredentialParams;
use crate::config::Secret;
#[cfg(any(feature = "mqtt", feature = "broker"))]
use crate::config::{Invalid, code, nearest};
use crate::connect::OneOrMany;
use crate::params::{Hidden, Masked};

/// One credential as it is configured: `credential`, or an entry of `credentials`. An empty string counts as not set, but an
/// empty `store_key` is an error.
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
#[serde(deny_unknown_fields, default)]
#[schemars(from = "CredentialKeys")]
pub struct CredentialConfig {
    /// Key under which the referenced credential stores are asked, in order; what the first that has it keeps there
    /// fills what is not given here.
    pub store_key: Option<String>,
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
struct CredentialKeys {
    /// Key under which the referenced credential stores are asked, in order; what the first that has it keeps there
    /// fills what is not given here.
    store_key: Option<String>,
    /// User name.
    username: Option<String>,
    /// Another spelling of `username`; give one of them.
    user: Option<String>,
    /// Password; better kept in a credential store and named by `store_key`.
    password: Option<Secret>,
    /// Another spelling of `password`; give one of them.
    pass: Option<Secret>,
    /// Further parts of the credential, by name, such as a token; which there are depends on the component.
    parameters: BTreeMap<String, Secret>,
}

impl CredentialConfig {
    /// What is given without a store; empty strings are `None`.
    #[must_use]
    pub fn inline(&self) -> CredentialParams {
        CredentialParams {
            username: self.username.clone(),
            password: self.password.clone(),
            parameters: self.parameters.clone(),
        }
        .filled()
    }

    /// Warnings of further parts that nobody takes who knows a user name and a password alone; `key` is that of the credential.
    #[cfg(any(feature = "mqtt", feature = "broker"))]
    pub(crate) fn unread(&self, key: &str) -> Vec<Invalid> {
        let unread = self.parameters.keys().map(|name| {
            let meant = nearest(name, ["store_key", "username", "user", "password", "pass"]);
            let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{key}.{meant}`?"));
            let problem = format!("is taken by nobody: MQTT has a user name and a password{meant}");
            Invalid::warning(code::DOUBTFUL_VALUE, format!("{key}.parameters.{name}"), problem)
        });
        unread.collect()
    }

    /// The key to ask the stores for, where one is set.
    #[must_use]
    pub fn store_key(&self) -> Option<&str> {
        self.store_key.as_deref().filter(|key| !key.is_empty())
    }

    /// Whether the user name has a character that MQTT forbids in it.
    #[cfg(feature = "mqtt")]
    pub(crate) fn has_nul_in_username(&self) -> bool {
        self.username.as_ref().is_some_and(|name| name.contains('\0'))
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
    use crate::config::from_toml;

    fn read(text: &str) -> Result<CredentialConfig, String> {
        from_toml(text).map_err(|error| error.to_string())
    }

    #[test]
    fn both_spellings_are_read() {
        let config = read("user = 'ann'\npass = 'p'").unwrap();
        assert_eq!((config.username.as_deref(), config.password.unwrap().expose()), (Some("ann"), "p"));
        assert_eq!(read("store_key = ''").unwrap().store_key(), None);
        assert!(read("user = ''\npassword = ''").unwrap().inline().is_empty());
    }

    #[test]
    fn both_at_once_are_an_error() {
        for (one, other) in [("username", "user"), ("password", "pass")] {
            let error = read(&format!("{other} = 'canary'\n{one} = 'canary'")).unwrap_err();
            assert!(error.contains(&format!("`{one}`")) && !error.contains("canary"), "{error}");
        }
        assert!(read("token = 'x'").unwrap_err().contains("unknown key `token`"));
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
