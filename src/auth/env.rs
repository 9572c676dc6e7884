//! Credentials in environment variables.

use std::ffi::OsString;

use super::{CredentialParams, CredentialStore};
use crate::component::{Component, Flow, NoConfig, Offer, StaticAnswers};
use crate::config::Secret;
use crate::connect::{Environment, variable_part};
use crate::{BoxFuture, Descriptor, Error, offers, register};

/// Finds the credential `KEY` in the environment variables `CREDENTIAL_<KEY>_USERNAME` and `CREDENTIAL_<KEY>_PASSWORD`,
/// either of which may be missing. The key is put in upper case, and everything in it but ASCII letters and digits
/// becomes `_`. Variables are read at each look-up; an empty one counts as not set.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:credential-store:env:default:1.0"   # CREDENTIAL_MQTT_USERNAME, CREDENTIAL_MQTT_PASSWORD
/// ```
pub struct EnvCredentialStore {
    name: String,
    environment: Environment,
}

crate::opaque::opaque!(EnvCredentialStore);

impl EnvCredentialStore {
    /// A store that reads the environment of the process; `name` is what errors call it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), environment: Environment::process() }
    }

    /// A store that reads variables by `get` instead; for tests.
    #[must_use]
    pub fn with_environment(
        name: impl Into<String>,
        get: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), environment: Environment::new(get) }
    }

    fn find(&self, key: &str) -> Result<Option<CredentialParams>, Error> {
        let [username, password] = variables(key);
        let username = self.environment.get(&username)?;
        let password = self.environment.get(&password)?.map(Secret::new);
        let found = CredentialParams { username, password, ..CredentialParams::default() };
        Ok((!found.is_empty()).then_some(found))
    }
}

/// The variables that a key names.
fn variables(key: &str) -> [String; 2] {
    ["USERNAME", "PASSWORD"].map(|what| format!("CREDENTIAL_{}_{what}", variable_part(key)))
}

/// Where a key is looked for.
fn place(key: &str) -> String {
    let [username, password] = variables(key);
    format!("the environment variables `{username}` and `{password}`")
}

impl CredentialStore for EnvCredentialStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        Box::pin(std::future::ready(self.find(key)))
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(Some(place(key))))
    }
}

impl Component for EnvCredentialStore {
    const DESCRIPTOR: &'static str = "pip-services:credential-store:env:*:1.0";
    const SUMMARY: &'static str =
        "Finds the credential of a key in CREDENTIAL_<KEY>_USERNAME and CREDENTIAL_<KEY>_PASSWORD.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CredentialStore];
    type Config = NoConfig;
    type References = ();

    fn flows(identity: &Descriptor, _: &NoConfig) -> Vec<Flow> {
        let store = Self::new(identity.as_str());
        let find = move |key: &str| Some(store.find(key).map(|found| found.into_iter().collect()));
        vec![Flow::Credentials(StaticAnswers::new(find).sought_in(place))]
    }

    fn create(identity: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str()))
    }
}
register!(EnvCredentialStore);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::CredentialResolver;

    #[tokio::test]
    async fn key_names_the_variables() {
        let environment = Environment::of(&[
            ("CREDENTIAL_MAIN_MQTT_USERNAME", "ann"),
            ("CREDENTIAL_MAIN_MQTT_PASSWORD", "canary"),
            ("CREDENTIAL_TOKEN_PASSWORD", "t"),
            ("CREDENTIAL_EMPTY_PASSWORD", ""),
        ]);
        let store = EnvCredentialStore { name: "env".to_owned(), environment };
        let found = store.lookup("main-mqtt").await.unwrap().unwrap();
        assert_eq!(
            (found.username.as_deref(), found.password.as_ref().unwrap().expose()),
            (Some("ann"), "canary")
        );
        assert!(!format!("{found:?}").contains("canary"));
        assert_eq!(store.lookup("token").await.unwrap().unwrap().username, None);
        assert_eq!(store.lookup("empty").await.unwrap(), None);
        let error = store.store("k", Some(found)).await.unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[tokio::test]
    async fn error_names_the_variables() {
        let config = toml::from_str("store_key = 'main-mqtt'").unwrap();
        let store = EnvCredentialStore { name: "env".to_owned(), environment: Environment::of(&[]) };
        let resolver = CredentialResolver::new(vec![config], vec![std::sync::Arc::new(store)]);
        assert_eq!(
            resolver.lookup().await.unwrap_err().to_string(),
            "credential `main-mqtt` is in none of the credential stores: `env` (the environment variables \
             `CREDENTIAL_MAIN_MQTT_USERNAME` and `CREDENTIAL_MAIN_MQTT_PASSWORD`)"
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn value_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let store = EnvCredentialStore::with_environment("env", |_| Some(OsString::from_vec(vec![0xff])));
        let error = store.lookup("k").await.unwrap_err();
        assert_eq!(error.to_string(), "the environment variable `CREDENTIAL_K_USERNAME` is not UTF-8");
    }
}
