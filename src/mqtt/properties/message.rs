//! The properties of a message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::mqtt::topic::{Topic, TopicError};
use crate::time::seconds;

/// The longest text or data in a property, in bytes.
const LONGEST: usize = u16::MAX as usize;

/// What a message says about itself, on MQTT 5. All of it is optional.
///
/// ```
/// use std::time::Duration;
/// use wirework::mqtt::{MessageProperties, PublishOptions};
/// let properties = MessageProperties::default()
///     .content_type("application/json")
///     .expiry(Duration::from_secs(60))
///     .user("unit", "celsius");
/// let options = PublishOptions::at_least_once().properties(properties);
/// assert_eq!(options.properties.unwrap().get("unit"), Some("celsius"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    /// What the payload is, such as a MIME type; brokers pass it on unread.
    pub content_type: Option<Arc<str>>,
    /// Where the sender expects an answer.
    pub response_topic: Option<Arc<str>>,
    /// What the sender needs to know an answer by; an answer brings it back.
    pub correlation_data: Option<Bytes>,
    /// How long the message is of use, rounded up to seconds on the wire. Sent: from the call that publishes it; what has
    /// waited longer is not sent. Received: what was left of it when the broker sent the message.
    pub expiry: Option<Duration>,
    /// Whether the payload is UTF-8 text.
    pub text: bool,
    /// Names and values of the application's own, in order; a name may come more than once.
    pub user: Vec<(Arc<str>, Arc<str>)>,
}

impl MessageProperties {
    /// The same with a content type.
    #[must_use]
    pub fn content_type(self, content_type: impl Into<Arc<str>>) -> Self {
        Self { content_type: Some(content_type.into()), ..self }
    }

    /// The same with a topic for answers.
    #[must_use]
    pub fn response_topic(self, topic: impl Into<Arc<str>>) -> Self {
        Self { response_topic: Some(topic.into()), ..self }
    }

    /// The same with correlation data.
    #[must_use]
    pub fn correlation_data(self, data: impl Into<Bytes>) -> Self {
        Self { correlation_data: Some(data.into()), ..self }
    }

    /// The same with an expiry.
    #[must_use]
    pub fn expiry(self, expiry: Duration) -> Self {
        Self { expiry: Some(expiry), ..self }
    }

    /// The same, saying that the payload is UTF-8 text.
    #[must_use]
    pub fn text(self) -> Self {
        Self { text: true, ..self }
    }

    /// The same with one more user property.
    #[must_use]
    pub fn user(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.user.push((name.into(), value.into()));
        self
    }

    /// The first user property of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.user.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }

    /// Whether all of it can be sent.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        let wrong = |property, problem| Err(PropertyError::Value { property, problem });
        if let Some(topic) = &self.response_topic {
            Topic::new(topic).map_err(PropertyError::Topic)?;
        }
        if let Some(problem) = self.content_type.as_deref().and_then(problem) {
            return wrong("content_type", problem);
        }
        if self.correlation_data.as_ref().is_some_and(|data| data.len() > LONGEST) {
            return wrong("correlation_data", "is longer than 65535 bytes");
        }
        if self.expiry.is_some_and(|expiry| seconds(expiry).is_none()) {
            return wrong("expiry", "is longer than 4294967295 seconds");
        }
        let mut texts = self.user.iter().flat_map(|(name, value)| [name, value]);
        texts.find_map(|text| problem(text)).map_or(Ok(()), |problem| wrong("user", problem))
    }
}

/// A property that MQTT 5 cannot carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PropertyError {
    /// The response topic is no topic.
    Topic(TopicError),
    /// The field of this name has a value that cannot be sent.
    Value { property: &'static str, problem: &'static str },
}

fn problem(text: &str) -> Option<&'static str> {
    if text.len() > LONGEST {
        return Some("has a string longer than 65535 bytes");
    }
    text.contains('\0').then_some("has a string with the character U+0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::MqttError;

    #[test]
    fn what_cannot_be_sent_is_named() {
        let properties = MessageProperties::default;
        let fails =
            |properties: MessageProperties| MqttError::from(properties.check().unwrap_err()).to_string();
        assert!(properties().user("a", "b").content_type("c").text().check().is_ok());
        assert!(fails(properties().response_topic("a/#")).contains("a/#"));
        assert_eq!(
            fails(properties().content_type("a\0")),
            "the message property `content_type` has a string with the character U+0000"
        );
        assert!(fails(properties().correlation_data(vec![0; LONGEST + 1])).contains("`correlation_data`"));
        assert!(fails(properties().user("a", "b".repeat(LONGEST + 1))).contains("`user`"));
        let longest = Duration::from_secs(u64::from(u32::MAX));
        assert!(properties().expiry(longest).check().is_ok());
        assert!(fails(properties().expiry(longest + Duration::from_nanos(1))).contains("`expiry`"));
    }
}
