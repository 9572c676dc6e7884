//! What a service is called and since when it runs, for components that want to say so.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::component::{Component, Context, Descriptor, Offer};
use crate::environment::process_id;
use crate::{Error, offers, register};

/// Tells what the service is called and since when it runs.
pub trait ContextInfo: Send + Sync + 'static {
    /// The name of the service.
    fn name(&self) -> &str;
    /// What it is for; empty where nobody said.
    fn description(&self) -> &str;
    /// Names this process among others of the same service: `HOSTNAME` and the process id.
    fn context_id(&self) -> &str;
    /// When it was created.
    fn start_time(&self) -> SystemTime;
    /// For how long it has existed.
    fn uptime(&self) -> Duration;
    /// Whatever else was configured.
    fn properties(&self) -> &BTreeMap<String, String>;
}

crate::capability!(dyn ContextInfo);

/// The configuration of [`DefaultContextInfo`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContextInfoConfig {
    /// The name of the service; that of the manifest's `[service]` when not given.
    pub name: Option<String>,
    /// What the service is for.
    pub description: Option<String>,
    /// Whatever else others may want to know, as text; no secrets, since messages show it.
    #[schemars(extend("x-shown" = true))]
    pub properties: BTreeMap<String, String>,
}

/// Tells what was configured, and what the manifest and the process know.
#[derive(Debug)]
pub struct DefaultContextInfo {
    name: OnceLock<String>,
    description: String,
    context_id: String,
    properties: BTreeMap<String, String>,
    start_time: SystemTime,
    start: Instant,
}

impl DefaultContextInfo {
    /// The context of this process. Without a configured name it is `unknown` until it is opened by a container.
    #[must_use]
    pub fn new(config: ContextInfoConfig) -> Self {
        Self {
            name: config.name.map_or_else(OnceLock::new, OnceLock::from),
            description: config.description.unwrap_or_default(),
            context_id: process_id(),
            properties: config.properties,
            start_time: SystemTime::now(),
            start: Instant::now(),
        }
    }
}

impl ContextInfo for DefaultContextInfo {
    fn name(&self) -> &str {
        self.name.get().map_or("unknown", String::as_str)
    }
    fn description(&self) -> &str {
        &self.description
    }
    fn context_id(&self) -> &str {
        &self.context_id
    }
    fn start_time(&self) -> SystemTime {
        self.start_time
    }
    fn uptime(&self) -> Duration {
        self.start.elapsed()
    }
    fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }
}

impl Component for DefaultContextInfo {
    const DESCRIPTOR: &'static str = "pip-services:context-info:default:*:1.0";
    const SUMMARY: &'static str =
        "Tells the service's name, description and properties, and since when it runs.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn ContextInfo];
    type Config = ContextInfoConfig;
    type References = ();

    fn create(_: &Descriptor, config: ContextInfoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::new(config))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        // Set already where the configuration has a name.
        if !context.service_name().is_empty() {
            let _ = self.name.set(context.service_name().to_owned());
        }
        Ok(())
    }
}
register!(DefaultContextInfo);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_configured_comes_from_the_container() {
        let context = Context::standalone("pip-services:context-info:default:default:1.0".parse().unwrap());
        let config = |text| serde_json::from_str::<ContextInfoConfig>(text).unwrap();

        let info = DefaultContextInfo::new(config("{}"));
        assert_eq!((info.name(), info.description()), ("unknown", ""));
        info.open(&context).await.unwrap();
        assert_eq!(info.name(), "standalone");
        assert!(info.context_id().ends_with(&std::process::id().to_string()));

        let named = r#"{"name": "telemetry", "description": "Averages", "properties": {"site": "north"}}"#;
        let info = DefaultContextInfo::new(config(named));
        info.open(&context).await.unwrap();
        assert_eq!((info.name(), info.description()), ("telemetry", "Averages"));
        assert_eq!(info.properties()["site"], "north");
    }
}
