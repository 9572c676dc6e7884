//! The versions of MQTT.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A version of MQTT. In a configuration: `"3.1.1"` or its number on the wire, 4; `"5"`, `"5.0"` or 5.
///
/// ```
/// use wirework::mqtt::{MqttConfig, MqttVersion};
/// let config: MqttConfig = wirework::config::from_pairs([("options.protocol_version", "5")])?;
/// assert_eq!(config.options.protocol_version, MqttVersion::V5);
/// assert_eq!(MqttVersion::default().to_string(), "3.1.1");
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MqttVersion {
    /// MQTT 3.1.1, which every broker speaks.
    #[default]
    V4,
    /// MQTT 5.
    V5,
}

impl fmt::Display for MqttVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

impl<'de> Deserialize<'de> for MqttVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VersionVisitor)
    }
}

struct VersionVisitor;

impl Visitor<'_> for VersionVisitor {
    type Value = MqttVersion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version of MQTT: \"3.1.1\" (or 4), or \"5\"")
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<MqttVersion, E> {
        match number {
            4 => Ok(MqttVersion::V4),
            5 => Ok(MqttVersion::V5),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<MqttVersion, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<MqttVersion, E> {
        match text.trim() {
            "3.1.1" | "4" => Ok(MqttVersion::V4),
            "5" | "5.0" => Ok(MqttVersion::V5),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

impl JsonSchema for MqttVersion {
    fn schema_name() -> Cow<'static, str> {
        "MqttVersion".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["3.1.1", "4", 4, "5", "5.0", 5] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_toml;
    use crate::mqtt::MqttConfig;

    #[test]
    fn names_and_numbers_are_read() {
        let read = |value: &str| {
            let config = from_toml::<MqttConfig>(&format!("options.protocol_version = {value}"));
            config.map(|config| config.options.protocol_version).map_err(|error| error.to_string())
        };
        for text in ["4", "\"4\"", "\"3.1.1\""] {
            assert_eq!(read(text), Ok(MqttVersion::V4), "{text}");
        }
        for text in ["5", "\"5\"", "\"5.0\""] {
            assert_eq!(read(text), Ok(MqttVersion::V5), "{text}");
        }
        for text in ["3", "-5", "\"3.1\"", "true"] {
            assert!(read(text).unwrap_err().contains("3.1.1"), "{text}");
        }
    }
}
