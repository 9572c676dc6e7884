//! What the admin API is asked for in the bodies of requests.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wirework::Descriptor;
use wirework::component::LevelTarget;
use wirework::config::Millis;
use wirework::log::Level;

use super::error::AdminError;
use crate::run::LevelChange;

/// The name for what is logged outside of all components.
pub(super) const CONTAINER: &str = "container";

/// The name for all components and the container.
const ALL: &str = "all";

/// A request that says nothing more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Another log level for a while.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetLevel {
    /// `all`, `container`, or a descriptor.
    target: String,
    /// `fatal`, `error`, `warn`, `info`, `debug` or `trace`.
    level: Level,
    /// After what time it goes back, such as `15m`; a quarter of an hour where nothing is given, a day at most.
    #[serde(rename = "for")]
    lasting: Option<Millis>,
    /// Whether it stays until it is taken back.
    #[serde(default)]
    until_reset: bool,
}

impl SetLevel {
    /// The change; `who` asks for it.
    pub fn change(self, who: String) -> Result<LevelChange, AdminError> {
        let change = LevelChange::new(target(self.target)?, self.level).asked_by(who);
        Ok(match self.lasting {
            _ if self.until_reset => change.until_reset(),
            Some(time) => change.lasting(time.0),
            None => change,
        })
    }
}

/// The configured log level again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetLevel {
    /// `all`, which is everything that was set, `container`, or a descriptor.
    target: String,
}

impl ResetLevel {
    pub fn target(self) -> Result<LevelTarget, AdminError> {
        target(self.target)
    }
}

fn target(name: String) -> Result<LevelTarget, AdminError> {
    match name.as_str() {
        ALL => Ok(LevelTarget::All),
        CONTAINER => Ok(LevelTarget::Container),
        _ => match name.parse::<Descriptor>() {
            Ok(descriptor) => Ok(LevelTarget::Component(descriptor)),
            Err(_) => Err(AdminError::NoComponent(name)),
        },
    }
}

/// The body of a request, which is an object. From a list serde would take the values of a type in the order of its fields.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice::<Map<String, Value>>(bytes).map_err(AdminError::BadBody)?;
    serde_json::from_slice(bytes).map_err(AdminError::BadBody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_object_of_what_is_known() {
        assert!(body::<Nothing>(b"{}").is_ok());
        let level = body::<SetLevel>(br#"{"target": "all", "level": "debug"}"#);
        assert!(level.is_ok());
        for bad in [&b""[..], b"[]", b"null", b"7", b"{", b"{} {}", br#"{"x": 1}"#] {
            assert!(matches!(body::<Nothing>(bad), Err(AdminError::BadBody(_))), "{bad:?}");
        }
        assert!(matches!(body::<SetLevel>(br#"["all", "debug", null, false]"#), Err(AdminError::BadBody(_))));
    }
}
