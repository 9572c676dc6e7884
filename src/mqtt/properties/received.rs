//! The properties of a received message.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::MessageProperties;
use super::data_types::Fields;
use super::publish::{Outgoing, Property};
use crate::time::seconds;

/// What a received message says about itself (MQTT 5, section 3.3.2.3), as the bytes that came.
///
/// They were checked when the message came; each of these methods reads them anew. So a message costs what its sender has
/// sent, and not a multiple of it: an empty user property is 5 bytes here, and about 90 as two strings in a list. What is
/// looked at often, or changed, is turned into [`MessageProperties`] once.
///
/// On MQTT 3.1.1, and where the sender has set none, it is empty.
///
/// ```
/// use wirework::mqtt::{MessageProperties, MqttMessage};
/// let sent = MessageProperties::default().content_type("text/plain").user("unit", "celsius");
/// let message = MqttMessage::new("sensors/kitchen", "21.5").with_properties(sent.clone());
/// let properties = &message.properties;
/// assert_eq!(properties.content_type(), Some("text/plain"));
/// assert_eq!(properties.get("unit"), Some("celsius"));
/// assert_eq!(properties.user().count(), 1);
/// assert_eq!(properties.expiry(), None);
/// // To pass them on:
/// assert_eq!(MessageProperties::from(properties), sent);
/// ```
#[derive(Clone, Default)]
pub struct ReceivedProperties(Bytes);

impl ReceivedProperties {
    /// Properties that [`Checked::of`](super::Checked::of) has taken.
    pub(crate) fn new(checked: Bytes) -> Self {
        Self(checked)
    }

    /// Whether the sender has set none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the payload is, such as a MIME type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.find(|property| if let Property::ContentType(text) = property { Some(text) } else { None })
    }

    /// Where the sender expects an answer.
    #[must_use]
    pub fn response_topic(&self) -> Option<&str> {
        self.find(|property| if let Property::ResponseTopic(text) = property { Some(text) } else { None })
    }

    /// What the sender needs to know an answer by; an answer brings it back.
    #[must_use]
    pub fn correlation_data(&self) -> Option<&[u8]> {
        self.find(|property| if let Property::CorrelationData(data) = property { Some(data) } else { None })
    }

    /// What was left of the time for which the message is of use when the broker sent it, in whole seconds.
    #[must_use]
    pub fn expiry(&self) -> Option<Duration> {
        let found =
            self.find(|property| if let Property::Expiry(time) = property { Some(time) } else { None });
        found.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whether the sender says that the payload is UTF-8 text. Nobody has checked that it is.
    #[must_use]
    pub fn text(&self) -> bool {
        self.find(|property| if let Property::Text(text) = property { Some(text) } else { None }) == Some(1)
    }

    /// Names and values of the application's own, in the order in which they were sent; a name may come more than once.
    pub fn user(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter_map(|property| match property {
            Property::User(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The first user property of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.user().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The bytes that they take in memory.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    fn find<'a, T>(&'a self, wanted: impl FnMut(Property<'a>) -> Option<T>) -> Option<T> {
        self.all().find_map(wanted)
    }

    fn all(&self) -> impl Iterator<Item = Property<'_>> {
        let mut from = Fields::new(&self.0);
        // They were checked, so that none fails.
        std::iter::from_fn(move || Property::next(&mut from).ok().map(|(_, property)| property))
    }
}

/// Equal when they say the same to the receiver, whatever the order of those that have none.
impl PartialEq for ReceivedProperties {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
            || (self.content_type() == other.content_type()
                && self.response_topic() == other.response_topic()
                && self.correlation_data() == other.correlation_data()
                && self.expiry() == other.expiry()
                && self.text() == other.text()
                && self.user().eq(other.user()))
    }
}

impl Eq for ReceivedProperties {}

/// Shows their size: what services send each other is not for logs.
impl fmt::Debug for ReceivedProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedProperties").field("bytes", &self.0.len()).finish()
    }
}

/// For a message that is to be sent: all that the received one says, its expiry from now on included.
impl From<&ReceivedProperties> for MessageProperties {
    fn from(received: &ReceivedProperties) -> Self {
        let mut properties = Self::default();
        for property in received.all() {
            match property {
                Property::Text(text) => properties.text = text == 1,
                Property::Expiry(seconds) => properties.expiry = Some(Duration::from_secs(seconds.into())),
                Property::ContentType(text) => properties.content_type = Some(text.into()),
                Property::ResponseTopic(text) => properties.response_topic = Some(text.into()),
                Property::CorrelationData(data) => {
                    properties.correlation_data = Some(Bytes::copy_from_slice(data));
                }
                Property::User(name, value) => properties.user.push((name.into(), value.into())),
                Property::Subscription(_) | Property::Alias(_) => {}
            }
        }
        properties
    }
}

/// As a receiver would get them; for the tests of listeners.
impl From<&MessageProperties> for ReceivedProperties {
    fn from(properties: &MessageProperties) -> Self {
        let outgoing = Outgoing::new(properties, properties.expiry.and_then(seconds));
        let mut bytes = BytesMut::with_capacity(outgoing.size());
        outgoing.write(&mut bytes);
        Self(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::super::data_types::Malformed;
    use super::super::publish::Checked;
    use super::*;

    fn full() -> MessageProperties {
        MessageProperties::default()
            .content_type("text/plain")
            .response_topic("answers")
            .correlation_data("4711")
            .expiry(Duration::from_secs(60))
            .text()
            .user("a", "b")
            .user("a", "ü")
    }

    #[test]
    fn what_was_written_is_read_back_property_by_property() {
        let received = ReceivedProperties::from(&full());
        assert_eq!(MessageProperties::from(&received), full());
        assert_eq!(received.content_type(), Some("text/plain"));
        assert_eq!(received.response_topic(), Some("answers"));
        assert_eq!(received.correlation_data(), Some(&b"4711"[..]));
        assert_eq!(received.expiry(), Some(Duration::from_secs(60)));
        assert!(received.text() && !received.is_empty());
        assert_eq!(received.user().collect::<Vec<_>>(), [("a", "b"), ("a", "ü")]);
        assert_eq!((received.get("a"), received.get("b")), (Some("b"), None));
        assert!(ReceivedProperties::from(&MessageProperties::default()).is_empty());
    }

    #[test]
    fn the_order_of_different_properties_makes_no_difference_and_that_of_user_properties_does() {
        let bytes = |parts: &[&[u8]]| ReceivedProperties::new(parts.concat().into());
        let (kind, one, two) =
            (&[3, 0, 1, b'c'][..], &[38, 0, 1, b'a', 0, 0][..], &[38, 0, 1, b'b', 0, 0][..]);
        assert_eq!(bytes(&[kind, one, two]), bytes(&[one, kind, two]));
        assert_ne!(bytes(&[one, two]), bytes(&[two, one]));
        assert_eq!(
            bytes(&[one, &[35, 0, 1], &[11, 7]]),
            bytes(&[one]),
            "what concerns the link says nothing"
        );
    }

    #[test]
    fn only_what_may_stand_in_a_publish_and_only_once() {
        let once: [&[u8]; 6] =
            [&[1, 1], &[2, 0, 0, 0, 9], &[3, 0, 1, b'c'], &[8, 0, 1, b'r'], &[9, 0, 1, b'd'], &[35, 0, 1]];
        for property in once {
            assert!(Checked::of(property).is_ok(), "{property:?}");
            assert_eq!(Checked::of(&property.repeat(2)).unwrap_err(), Malformed::Twice(property[0]));
            for end in 1..property.len() {
                let cut = Checked::of(&property[..end]).unwrap_err();
                assert!(matches!(cut, Malformed::Short | Malformed::Beyond(_)), "{property:?}: {cut:?}");
            }
        }
        let checked = Checked::of(&[[11, 9], [11, 7], [11, 9]].concat()).unwrap();
        assert_eq!((checked.subscriptions, checked.for_receiver), (vec![7, 9], false));
        assert!(Checked::of(&[38, 0, 0, 0, 0].repeat(3)).unwrap().for_receiver);
        for number in (0..=u8::MAX).filter(|number| ![1, 2, 3, 8, 9, 11, 35, 38].contains(number)) {
            assert_eq!(Checked::of(&[number, 0, 0, 0, 0]).unwrap_err(), Malformed::Unknown(number));
        }
        assert_eq!(Checked::of(&[3, 0, 1, 0]).unwrap_err(), Malformed::Nul);
        assert!(matches!(Checked::of(&[38, 0, 1, 0xff, 0, 0]).unwrap_err(), Malformed::Utf8(_)));
        assert_eq!(Checked::of(&[11, 0xff, 0xff, 0xff, 0xff, 1]).unwrap_err(), Malformed::Long);
        assert_eq!(Checked::of(&[11, 0x81, 0]).unwrap_err(), Malformed::Padded);
        for value in [&[1, 2][..], &[11, 0], &[8, 0, 3, b'a', b'/', b'+'], &[8, 0, 1, b'#']] {
            assert!(matches!(Checked::of(value).unwrap_err(), Malformed::Forbidden(_)), "{value:?}");
        }
    }
}
