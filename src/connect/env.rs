//! Discovery by environment variables.

use std::ffi::OsString;

use super::environment::{Environment, variable_part};
use super::{ConnectionParams, Discovery, Uri, UriError};
use crate::component::{Component, Flow, NoConfig, Offer, StaticAnswers};
use crate::{BoxFuture, Category, Coded, Descriptor, Error, offers, register};

/// Finds the connection `KEY` in the environment variable `DISCOVERY_<KEY>`, a URI; several hosts in it are several
/// connections. The key is put in upper case, and everything in it but ASCII letters and digits becomes `_`. Variables
/// are read at each look-up; an empty one counts as not set.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:discovery:env:default:1.0"   # DISCOVERY_MQTT=mqtt://broker:1883
/// ```
pub struct EnvDiscovery {
    name: String,
    environment: Environment,
}

crate::opaque::opaque!(EnvDiscovery);

/// A variable that is set, but to no URI. The value is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable `{variable}` is no URI of a connection")]
pub struct BadVariable {
    variable: String,
    source: UriError,
}

impl Coded for BadVariable {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_URI"
    }
}

impl EnvDiscovery {
    /// A service that reads the environment of the process; `name` is what errors call it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), environment: Environment::process() }
    }

    /// A service that reads variables by `get` instead; for tests.
    #[must_use]
    pub fn with_environment(
        name: impl Into<String>,
        get: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), environment: Environment::new(get) }
    }

    fn find(&self, key: &str) -> Result<Vec<ConnectionParams>, Error> {
        let variable = variable(key);
        let Some(text) = self.environment.get(&variable)? else {
            return Ok(Vec::new());
        };
        let uri: Uri = text.parse().map_err(|source| BadVariable { variable, source })?;
        Ok(ConnectionParams::from_uri(uri).expand())
    }
}

/// The variable that a key names.
fn variable(key: &str) -> String {
    format!("DISCOVERY_{}", variable_part(key))
}

/// Where a key is looked for.
fn place(key: &str) -> String {
    format!("the environment variable `{}`", variable(key))
}

impl Discovery for EnvDiscovery {
    fn name(&self) -> &str {
        &self.name
    }

    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        Box::pin(std::future::ready(self.find(key)))
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(Some(place(key))))
    }
}

impl Component for EnvDiscovery {
    const DESCRIPTOR: &'static str = "pip-services:discovery:env:*:1.0";
    const SUMMARY: &'static str =
        "Finds the connection of a key in the environment variable DISCOVERY_<KEY>, a URI.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Discovery];
    type Config = NoConfig;
    type References = ();

    fn flows(identity: &Descriptor, _: &NoConfig) -> Vec<Flow> {
        let service = Self::new(identity.as_str());
        let answers = StaticAnswers::new(move |key| Some(service.find(key)));
        vec![Flow::Connections(answers.sought_in(place))]
    }

    fn create(identity: &Descriptor, _: NoConfig, _: ()) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str()))
    }
}
register!(EnvDiscovery);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::ConnectionResolver;

    fn service(variables: &[(&str, &str)]) -> EnvDiscovery {
        EnvDiscovery { name: "env".to_owned(), environment: Environment::of(variables) }
    }

    #[tokio::test]
    async fn key_names_the_variable() {
        let env = service(&[("DISCOVERY_MAIN_MQTT_1", "mqtt://a:1,b:2"), ("DISCOVERY_EMPTY", "")]);
        let found = env.resolve_all("main-mqtt.1").await.unwrap();
        assert_eq!(found.iter().map(|one| one.port.unwrap()).collect::<Vec<_>>(), [1, 2]);
        assert!(env.resolve_all("empty").await.unwrap().is_empty());
        assert!(env.resolve_all("unknown").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn error_names_the_variable() {
        let config = toml::from_str("discovery_key = 'main-mqtt'").unwrap();
        let resolver = ConnectionResolver::new(vec![config], vec![std::sync::Arc::new(service(&[]))]);
        assert_eq!(
            resolver.resolve_all().await.unwrap_err().to_string(),
            "connection `main-mqtt` is in none of the discovery services: `env` (the environment variable \
             `DISCOVERY_MAIN_MQTT`)"
        );
    }

    #[tokio::test]
    async fn bad_value_names_the_variable_and_not_itself() {
        let error =
            service(&[("DISCOVERY_MQTT", "mqtt://ann:canary/1@h")]).resolve_all("mqtt").await.unwrap_err();
        let shown = format!("{error} {error:?} {}", error.chain());
        assert!(
            shown.contains("`DISCOVERY_MQTT` is no URI of a connection: ") && shown.contains("%2F"),
            "{shown}"
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn value_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let env = EnvDiscovery::with_environment("env", |_| Some(OsString::from_vec(vec![0xff])));
        let error = env.resolve_all("k").await.unwrap_err();
        assert_eq!(error.to_string(), "the environment variable `DISCOVERY_K` is not UTF-8");
    }
}
