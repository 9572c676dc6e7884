//! The properties of a PUBLISH as bytes (MQTT 5 section 3.3.2.3): checked, read and written.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::MessageProperties;
use super::data_types::{Fields, Malformed, put_bytes};
use super::ids::{
    CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY, PAYLOAD_FORMAT, RESPONSE_TOPIC, SUBSCRIPTION, Seen,
    TOPIC_ALIAS, USER,
};

/// How many different subscriptions a message may name before it goes to all whose filters match its topic instead.
const MAX_SUBSCRIPTIONS: usize = 65_536;

/// One property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property<'a> {
    /// 0 or 1.
    Text(u8),
    /// In seconds.
    Expiry(u32),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    Subscription(u32),
    Alias(u16),
    User(&'a str, &'a str),
}

impl<'a> Property<'a> {
    /// Reads the next property, with its identifier. Whether it may have that value is for [`Checked::of`] to say.
    pub fn next(from: &mut Fields<'a>) -> Result<(u8, Self), Malformed> {
        let id = from.byte()?;
        let property = match id {
            PAYLOAD_FORMAT => Property::Text(from.byte()?),
            MESSAGE_EXPIRY => Property::Expiry(from.four_bytes()?),
            CONTENT_TYPE => Property::ContentType(from.text()?),
            RESPONSE_TOPIC => Property::ResponseTopic(from.text()?),
            CORRELATION_DATA => Property::CorrelationData(from.binary()?),
            SUBSCRIPTION => Property::Subscription(from.variable()?),
            TOPIC_ALIAS => Property::Alias(from.two_bytes()?),
            USER => Property::User(from.text()?, from.text()?),
            other => return Err(Malformed::Unknown(other)),
        };
        Ok((id, property))
    }

    /// What is wrong with the value, if anything (sections 3.3.2.3.2, 3.3.2.3.5 and 3.3.2.3.8).
    fn forbidden(self) -> Option<&'static str> {
        match self {
            Property::Text(2..) => Some("has a property that is neither 0 nor 1"),
            Property::Subscription(0) => Some("has the subscription identifier 0"),
            Property::ResponseTopic(topic) if topic.contains(['+', '#']) => {
                Some("has a response topic with a wildcard in it")
            }
            _ => None,
        }
    }
}

/// What the properties of a received PUBLISH say about the link, once all of them are known to be well formed.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub alias: Option<u16>,
    /// The identifiers of the subscriptions that the message comes for, each once, in ascending order; none where there are
    /// more than anybody has.
    pub subscriptions: Vec<u32>,
    /// Whether any of them says something to the receiver of the message.
    pub for_receiver: bool,
}

impl Checked {
    /// Checks that all properties may stand in a PUBLISH, are complete, have a value that they may have, and come once where
    /// they may not come again.
    pub fn of(properties: &[u8]) -> Result<Self, Malformed> {
        let (mut checked, mut seen, mut too_many) = (Self::default(), Seen::default(), false);
        let mut from = Fields::new(properties);
        while !from.is_empty() {
            let (id, property) = Property::next(&mut from)?;
            seen.add(id)?;
            if let Some(problem) = property.forbidden() {
                return Err(Malformed::Forbidden(problem));
            }
            match property {
                Property::Alias(alias) => checked.alias = Some(alias),
                Property::Subscription(identifier) if !too_many => {
                    checked.subscriptions.push(identifier);
                    too_many = checked.subscriptions.len() > MAX_SUBSCRIPTIONS
                        && unique(&mut checked.subscriptions) > MAX_SUBSCRIPTIONS / 2;
                }
                Property::Subscription(_) => {}
                _ => checked.for_receiver = true,
            }
        }
        if too_many {
            checked.subscriptions = Vec::new();
        }
        unique(&mut checked.subscriptions);
        Ok(checked)
    }
}

/// Leaves each number once: a broker that repeats them millions of times adds nothing. Returns how many are left.
fn unique(numbers: &mut Vec<u32>) -> usize {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// The properties of a message that is to be sent, as they go out.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    properties: &'a MessageProperties,
    /// In seconds.
    expiry: Option<u32>,
}

impl<'a> Outgoing<'a> {
    /// `expiry` is in seconds, and goes out in place of that of the properties.
    pub fn new(properties: &'a MessageProperties, expiry: Option<u32>) -> Self {
        Self { properties, expiry }
    }

    /// How many bytes they take.
    pub fn size(&self) -> usize {
        let Self { properties, expiry } = self;
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| 3 + text.len());
        let user: usize = properties.user.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
        let fixed = if properties.text { 2 } else { 0 } + if expiry.is_some() { 5 } else { 0 };
        let correlation = properties.correlation_data.as_ref().map_or(0, |data| 3 + data.len());
        fixed + text(&properties.content_type) + text(&properties.response_topic) + correlation + user
    }

    pub fn write(&self, to: &mut BytesMut) {
        let Self { properties, expiry } = self;
        if properties.text {
            to.put_slice(&[PAYLOAD_FORMAT, 1]);
        }
        if let Some(seconds) = expiry {
            to.put_u8(MESSAGE_EXPIRY);
            to.put_u32(*seconds);
        }
        for (id, text) in
            [(CONTENT_TYPE, &properties.content_type), (RESPONSE_TOPIC, &properties.response_topic)]
        {
            if let Some(text) = text {
                to.put_u8(id);
                put_bytes(text.as_bytes(), to);
            }
        }
        if let Some(data) = &properties.correlation_data {
            to.put_u8(CORRELATION_DATA);
            put_bytes(data, to);
        }
        for (name, value) in &properties.user {
            to.put_u8(USER);
            put_bytes(name.as_bytes(), to);
            put_bytes(value.as_bytes(), to);
        }
    }
}
