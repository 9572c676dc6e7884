//! The properties of a PUBLISH on the wire (MQTT 5, section 3.3.2.3).

use bytes::{BufMut, BytesMut};

use super::MessageProperties;
use super::fields::{Fields, Malformed};
use super::ids::{
    CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY, PAYLOAD_FORMAT, RESPONSE_TOPIC, SUBSCRIPTION, Seen,
    TOPIC_ALIAS, USER,
};

/// How many different subscriptions a message may name before it goes to all whose filters match its topic instead.
const MOST_NAMED: usize = 65_536;

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

/// Reads the next property, with its number. What its value may be is for [`check`] to say.
pub(super) fn next<'a>(from: &mut Fields<'a>) -> Result<(u8, Property<'a>), Malformed> {
    let number = from.byte()?;
    let property = match number {
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
    Ok((number, property))
}

/// What the properties of a received PUBLISH say about the link, once all of them are known to be well formed.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) alias: Option<u16>,
    /// The identifiers of the subscriptions that the message comes for, each once, in ascending order; none where there are
    /// more than anybody has.
    pub(crate) subscriptions: Vec<u32>,
    /// Whether there is anything for the receiver of the message.
    pub(crate) any: bool,
}

/// Checks that all properties may stand in a PUBLISH, are complete, say what they may say, and come once where they may not
/// come again.
pub(crate) fn check(properties: &[u8]) -> Result<Checked, Malformed> {
    let (mut checked, mut seen, mut many) = (Checked::default(), Seen::default(), false);
    let mut from = Fields::new(properties);
    while !from.is_empty() {
        let (number, property) = next(&mut from)?;
        seen.add(number)?;
        if let Some(problem) = forbidden(property) {
            return Err(Malformed::Forbidden(problem));
        }
        match property {
            Property::Alias(alias) => checked.alias = Some(alias),
            Property::Subscription(identifier) if !many => {
                checked.subscriptions.push(identifier);
                many = checked.subscriptions.len() > MOST_NAMED
                    && unique(&mut checked.subscriptions) > MOST_NAMED / 2;
            }
            Property::Subscription(_) => {}
            _ => checked.any = true,
        }
    }
    if many {
        checked.subscriptions = Vec::new();
    }
    unique(&mut checked.subscriptions);
    Ok(checked)
}

/// What is wrong with the value of a property, if anything (sections 3.3.2.3.2, 3.3.2.3.5 and 3.3.2.3.8).
fn forbidden(property: Property<'_>) -> Option<&'static str> {
    match property {
        Property::Text(2..) => Some("has a property that is neither 0 nor 1"),
        Property::Subscription(0) => Some("has the subscription identifier 0"),
        Property::ResponseTopic(topic) if topic.contains(['+', '#']) => {
            Some("has a response topic with a wildcard in it")
        }
        _ => None,
    }
}

/// Leaves each number once: a broker that repeats them millions of times adds nothing. Returns how many are left.
fn unique(numbers: &mut Vec<u32>) -> usize {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// How many bytes the properties take; `expires` says whether there is an expiry.
pub(crate) fn size(properties: &MessageProperties, expires: bool) -> usize {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_ref().map_or(0, |text| 3 + text.len());
    let user: usize = properties.user.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
    let fixed = if properties.text { 2 } else { 0 } + if expires { 5 } else { 0 };
    let correlation = properties.correlation_data.as_ref().map_or(0, |data| 3 + data.len());
    fixed + text(&properties.content_type) + text(&properties.response_topic) + correlation + user
}

/// Writes the properties, with an expiry of so many seconds in place of their own.
pub(crate) fn write(properties: &MessageProperties, expiry: Option<u32>, to: &mut BytesMut) {
    if properties.text {
        to.put_slice(&[PAYLOAD_FORMAT, 1]);
    }
    if let Some(seconds) = expiry {
        to.put_u8(MESSAGE_EXPIRY);
        to.put_u32(seconds);
    }
    for (number, text) in
        [(CONTENT_TYPE, &properties.content_type), (RESPONSE_TOPIC, &properties.response_topic)]
    {
        if let Some(text) = text {
            to.put_u8(number);
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

/// The bytes with their length before them; they were checked to be at most 65535.
pub(crate) fn put_bytes(bytes: &[u8], to: &mut BytesMut) {
    to.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    to.put_slice(bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes));
}
