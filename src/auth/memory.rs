//! Credentials by entries in the manifest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CredentialEntry, CredentialParams, CredentialStore};
use crate::component::{Component, Flow, Offer, StaticAnswers};
use crate::connect::sought;
use crate::{BoxFuture, Descriptor, Error, offers, register};

/// Configuration of [`MemoryCredentialStore`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryCredentialStoreConfig {
    /// Credentials by key. Take passwords from a parameter, such as `"${MQTT_PASSWORD}"` or `"${file:password}"`.
    pub credentials: BTreeMap<String, CredentialEntry>,
}

/// Keeps credentials in memory: those of its section, and those that are stored while it runs.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:credential-store:memory:default:1.0"
/// credentials.mqtt = { username = "ann", password = "${MQTT_PASSWORD}" }
/// ```
///
/// ```
/// use wirework::{auth::MemoryCredentialStore, config::from_pairs};
/// let config = from_pairs([("credentials.mqtt.username", "ann"), ("credentials.mqtt.password", "secret")])?;
/// let store = MemoryCredentialStore::new("memory", config);
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct MemoryCredentialStore {
    name: String,
    credentials: Mutex<HashMap<String, CredentialParams>>,
}

crate::opaque::opaque!(MemoryCredentialStore);

impl MemoryCredentialStore {
    /// A store with these credentials; `name` is what errors call it.
    #[must_use]
    pub fn new(name: impl Into<String>, config: MemoryCredentialStoreConfig) -> Self {
        let credentials = config.credentials.into_iter().map(|(key, entry)| (key, entry.into())).collect();
        Self { name: name.into(), credentials: Mutex::new(credentials) }
    }
}

/// Where a key is looked for, of a section that has these.
fn place<'k>(key: &str, listed: impl IntoIterator<Item = &'k String>) -> String {
    sought(&format!("`credentials.{key}` of its section"), key, listed)
}

impl CredentialStore for MemoryCredentialStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(credentials.get(key).cloned())))
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Some(place(key, credentials.keys()))))
    }

    fn store<'a>(
        &'a self,
        key: &'a str,
        credential: Option<CredentialParams>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
            match credential {
                Some(credential) => credentials.insert(key.to_owned(), credential.filled()),
                None => credentials.remove(key),
            };
            Ok(())
        })
    }
}

impl Component for MemoryCredentialStore {
    const DESCRIPTOR: &'static str = "pip-services:credential-store:memory:*:1.0";
    const SUMMARY: &'static str = "Keeps credentials by key in its own section.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CredentialStore];
    type Config = MemoryCredentialStoreConfig;
    type References = ();

    fn flows(_: &Descriptor, config: &MemoryCredentialStoreConfig) -> Vec<Flow> {
        let kept = Arc::new(config.clone());
        let listed = Arc::clone(&kept);
        let answers = StaticAnswers::new(move |key| {
            let found = kept.credentials.get(key).cloned();
            Some(Ok(found.into_iter().map(CredentialParams::from).collect()))
        });
        let answers = answers.sought_in(move |key| place(key, listed.credentials.keys()));
        vec![Flow::Credentials(answers.listed_at(|name| format!("credentials.{name}")).growing())]
    }

    fn create(identity: &Descriptor, config: MemoryCredentialStoreConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str(), config))
    }
}
register!(MemoryCredentialStore);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn config(text: &str) -> Result<MemoryCredentialStoreConfig, String> {
        crate::config::from_toml(text).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_key_that_was_probably_meant_is_named() {
        let store = MemoryCredentialStore::new("memory", config("credentials.mqqt.user = 'ann'").unwrap());
        let place = |key| store.looked_in(key);
        assert_eq!(place("mqtt").await.unwrap(), "`credentials.mqtt` of its section; did you mean `mqqt`?");
        assert_eq!(place("other").await.unwrap(), "`credentials.other` of its section");
    }

    #[tokio::test]
    async fn configured_and_stored_are_found() {
        let config = config("credentials = { mqtt = { user = 'ann', pass = 'a;b=c' } }").unwrap();
        let memory = MemoryCredentialStore::new("memory", config);
        let found = memory.lookup("mqtt").await.unwrap().unwrap();
        assert_eq!((found.username.as_deref(), found.password.unwrap().expose()), (Some("ann"), "a;b=c"));
        let changed = CredentialParams { password: Some(Secret::new("new")), ..CredentialParams::default() };
        memory.store("mqtt", Some(changed.clone())).await.unwrap();
        assert_eq!(memory.lookup("mqtt").await.unwrap(), Some(changed));
        memory.store("mqtt", None).await.unwrap();
        assert_eq!(memory.lookup("mqtt").await.unwrap(), None);
    }

    #[test]
    fn mistakes_and_debug_show_no_secret() {
        let error = config("credentials = { k = { user = 'canary', username = 'canary' } }").unwrap_err();
        assert!(error.contains("`credentials.k.username`") && !error.contains("canary"), "{error}");
        let all = "username = 'canary', password = 'canary', parameters = { token = 'canary' }";
        let shown = format!("{:?}", config(&format!("credentials = {{ k = {{ {all} }} }}")).unwrap());
        assert!(!shown.contains("canary") && shown.contains("token"), "{shown}");
    }

    #[test]
    fn schema_marks_secrets() {
        let schema = schemars::schema_for!(MemoryCredentialStoreConfig).to_value().to_string();
        assert!(schema.contains(r#""pass":{"#) && schema.contains(r#""writeOnly":true"#), "{schema}");
    }
}
