//! The will: the message that the broker publishes when a client is gone without DISCONNECT.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Invalid, Millis};
use crate::mqtt::topic::{Topic, without_controls};
use crate::mqtt::{MessageProperties, MqttError, MqttVersion, QoS};
use crate::params::Masked;
use crate::time::seconds;

/// The message that the broker publishes when the connection is lost: not when it is closed. `Debug` shows the length of the
/// payload and the names of user properties: what services send each other is not for logs.
///
/// ```
/// use std::time::Duration;
/// use wirework::mqtt::{MqttConnection, MqttWill, QoS};
/// let will = MqttWill::new("sensors/kitchen/state", "gone").qos(QoS::AtLeastOnce).retain();
/// let connection = MqttConnection::builder().host("127.0.0.1", 1883).will(will).build()?;
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MqttWill {
    /// Where it is published.
    pub topic: Arc<str>,
    /// Its bytes, 65535 at most.
    pub payload: Bytes,
    /// The QoS it is published with.
    pub qos: QoS,
    /// Whether the broker retains it for later subscribers.
    pub retain: bool,
    /// MQTT 5: how long the broker waits for the client to come back, in whole seconds, rounded up. A session that ends
    /// earlier ends the wait.
    pub delay: Duration,
    /// MQTT 5: what it says about itself; the expiry runs from when it is published.
    pub properties: MessageProperties,
}

impl MqttWill {
    /// The same, where the options of its connection permit it: its version, and whether topics may have control characters.
    pub(crate) fn checked(self, version: MqttVersion, allow_controls: bool) -> Result<Self, MqttError> {
        self.check(version)?;
        if !allow_controls {
            without_controls(&self.topic)?;
        }
        Ok(self)
    }

    /// A will of QoS 0, not retained.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        let (topic, payload) = (topic.into(), payload.into());
        let properties = MessageProperties::default();
        Self { topic, payload, qos: QoS::AtMostOnce, retain: false, delay: Duration::ZERO, properties }
    }

    /// The same with another QoS.
    #[must_use]
    pub fn qos(self, qos: QoS) -> Self {
        Self { qos, ..self }
    }

    /// The same, retained.
    #[must_use]
    pub fn retain(self) -> Self {
        Self { retain: true, ..self }
    }

    /// The same with a delay, on MQTT 5.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The same with properties, on MQTT 5.
    #[must_use]
    pub fn properties(self, properties: MessageProperties) -> Self {
        Self { properties, ..self }
    }

    /// Checks that CONNECT of this version can carry it.
    fn check(&self, version: MqttVersion) -> Result<(), MqttError> {
        let wrong = |key: &'static str, problem: &'static str| Err(Invalid::new(key, problem).into());
        Topic::new(&self.topic)?;
        self.properties.check()?;
        if self.payload.len() > usize::from(u16::MAX) {
            return wrong("will.payload", "is longer than 65535 bytes");
        }
        if seconds(self.delay).is_none() {
            return wrong("will.delay", "is longer than 4294967295 seconds");
        }
        if version == MqttVersion::V5 {
            return Ok(());
        }
        if !self.delay.is_zero() {
            return wrong("will.delay", "needs `options.protocol_version = 5`");
        }
        if self.properties != MessageProperties::default() {
            return wrong("will", "has properties, which need `options.protocol_version = 5`");
        }
        Ok(())
    }
}

/// The message that the broker publishes when the connection is lost: not when it is closed. `Debug` is that of [`MqttWill`].
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WillConfig {
    /// Where it is published.
    pub topic: String,
    /// Its text. Default empty.
    pub payload: Option<String>,
    /// The QoS it is published with, 0 to 2. Default 0.
    pub qos: Option<u8>,
    /// Whether the broker retains it for later subscribers. Default false.
    pub retain: Option<bool>,
    /// MQTT 5: how long the broker waits for the client to come back, rounded up to seconds; the end of the session ends the
    /// wait (`options.session_expiry`). Default 0.
    pub delay: Option<Millis>,
    /// MQTT 5: how long the message is of use, rounded up to seconds.
    pub expiry: Option<Millis>,
    /// MQTT 5: what the payload is, such as a MIME type.
    pub content_type: Option<String>,
    /// MQTT 5: names and values of your own.
    pub user: Option<BTreeMap<String, String>>,
}

impl fmt::Debug for MqttWill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.user.iter().map(|(name, _)| name).collect();
        f.debug_struct("MqttWill")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("delay", &self.delay)
            .field("expiry", &self.properties.expiry)
            .field("content_type", &self.properties.content_type)
            .field("user", &names)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WillConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WillConfig")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.as_ref().map(String::len))
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("delay", &self.delay)
            .field("expiry", &self.expiry)
            .field("content_type", &self.content_type)
            .field("user", &self.user.as_ref().map(Masked))
            .finish()
    }
}

impl WillConfig {
    pub(crate) fn read(&self, version: MqttVersion) -> Result<MqttWill, MqttError> {
        let Some(qos) = QoS::from_number(self.qos.unwrap_or_default()) else {
            return Err(Invalid::new("will.qos", "is not 0, 1 or 2").into());
        };
        let user =
            self.user.iter().flatten().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        let properties = MessageProperties {
            content_type: self.content_type.as_deref().map(Into::into),
            expiry: self.expiry.map(|expiry| expiry.0),
            user: user.collect(),
            ..MessageProperties::default()
        };
        let will = MqttWill::new(self.topic.as_str(), self.payload.clone().unwrap_or_default()).qos(qos);
        let (retain, delay) = (self.retain.unwrap_or_default(), self.delay.unwrap_or_default().0);
        let will = MqttWill { retain, delay, properties, ..will };
        will.check(version)?;
        Ok(will)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Invalid, from_pairs};
    use crate::mqtt::{MqttConfig, MqttVersion};

    fn check(pairs: &[(&str, &str)]) -> Result<(), String> {
        let config: MqttConfig = from_pairs(pairs.iter().copied()).map_err(|error| error.to_string())?;
        Invalid::none(crate::mqtt::check::invalid(&config)).map_err(|error| error.to_string())
    }

    #[test]
    fn debug_shows_neither_payload_nor_values() {
        let pairs = [("will.topic", "t"), ("will.payload", "canary"), ("will.user.token", "canary")];
        let config: MqttConfig = from_pairs(pairs).unwrap();
        let will = config.will.as_ref().unwrap().read(MqttVersion::V5).unwrap();
        let shown = format!("{config:?} {will:?}");
        assert!(
            !shown.contains("canary") && shown.contains("token") && shown.contains("bytes: 6"),
            "{shown}"
        );
    }

    #[test]
    fn what_no_broker_could_publish_is_named() {
        let fails = |pairs: &[(&str, &str)]| check(pairs).unwrap_err();
        assert_eq!(check(&[("will.topic", "t"), ("will.qos", "2"), ("will.retain", "true")]), Ok(()));
        assert!(fails(&[("will.payload", "x")]).contains("topic"));
        assert!(fails(&[("will.topic", "a/#")]).contains("a/#"));
        assert!(fails(&[("will.topic", "t"), ("will.qos", "3")]).starts_with("`will.qos`"));
        let delay = [("will.topic", "t"), ("will.delay", "5s"), ("will.user.a", "b")];
        assert!(fails(&delay).contains("protocol_version = 5"));
        assert!(fails(&[delay[0], delay[2]]).contains("properties"));
        assert_eq!(check(&[delay[0], delay[1], delay[2], ("options.protocol_version", "5")]), Ok(()));
        assert!(fails(&[("will.topic", "t"), ("will.payload", &"x".repeat(65_536))]).contains("65535"));
    }
}
