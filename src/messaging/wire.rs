//! Envelopes as JSON, so that both dialects of Pip.Services read them, and as either writes them.
//!
//! Version 4 calls the trace id `trace_id`, version 3 `correlation_id`: both are written, either is read. A field that is
//! missing or `null` is as good as empty. Times are read with and without zone, where none is UTC; numbers, dates alone and other
//! forms than those of ISO 8601 with `-` and `:` are no times. One before 1970 is none.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::route::Route;
use super::{DeadLetter, DeadLetterReason, EnvelopeError, MessageEnvelope, MessageId};

/// Padding is written, and read where there is any.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is written, in the order in which the toolkits write it.
#[derive(Serialize)]
struct Written<'a> {
    message_id: String,
    trace_id: Option<&'a str>,
    correlation_id: Option<&'a str>,
    message_type: &'a str,
    sent_time: Option<String>,
    message: String,
    /// Ours alone, and only where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    wirework_hops: Option<String>,
    /// Likewise, on dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    wirework_dead: Option<WrittenDead<'a>>,
}

#[derive(Serialize)]
struct WrittenDead<'a> {
    reason: &'static str,
    topic: Option<&'a str>,
    deliveries: u32,
}

/// What is read; other fields do not count.
#[derive(Deserialize)]
#[serde(default)]
struct Read<'a> {
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(borrow)]
    trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    correlation_id: Option<Text<'a>>,
    #[serde(borrow)]
    message_type: Option<Text<'a>>,
    #[serde(borrow)]
    sent_time: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    wirework_hops: Option<Hops<'a>>,
    #[serde(borrow)]
    wirework_dead: Option<Dead<'a>>,
}

/// Where it is something else, it does not count.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hops<'a> {
    #[serde(borrow)]
    Route(Text<'a>),
    Other(IgnoredAny),
}

/// Where it is something else, it does not count.
#[derive(Deserialize)]
#[serde(untagged)]
enum Dead<'a> {
    #[serde(borrow)]
    Facts(Facts<'a>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    topic: Option<Text<'a>>,
    deliveries: u32,
}

impl Default for Read<'_> {
    fn default() -> Self {
        let none = || None;
        let (message_id, trace_id, correlation_id) = (none(), none(), none());
        Self {
            message_id,
            trace_id,
            correlation_id,
            message_type: None,
            sent_time: None,
            message: None,
            wirework_hops: None,
            wirework_dead: None,
        }
    }
}

/// Text that is copied only where it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl MessageEnvelope {
    /// The envelope as JSON, for either dialect of Pip.Services.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let trace_id = self.trace_id.as_deref();
        let written = Written {
            message_id: self.message_id.to_string(),
            trace_id,
            correlation_id: trace_id,
            message_type: &self.message_type,
            sent_time: self.sent_time.and_then(time_text),
            message: BASE64.encode(&self.payload),
            wirework_hops: self.route.as_ref().map(Route::to_string),
            wirework_dead: self.dead_letter().map(|dead| WrittenDead {
                reason: dead.reason.as_str(),
                topic: dead.topic.as_deref(),
                deliveries: dead.deliveries,
            }),
        };
        // Strings and nothing else: this cannot fail.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads an envelope that a service of either dialect wrote.
    ///
    /// # Errors
    /// [`EnvelopeError`] where it is no JSON, a field has the wrong type, or the payload is no base64.
    pub fn from_json(json: &[u8]) -> Result<Self, EnvelopeError> {
        // A list would be read as fields in order.
        if json.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(EnvelopeError::NoObject);
        }
        let read: Read<'_> =
            serde_json::from_slice(json).map_err(|error| EnvelopeError::Json(Arc::new(error)))?;
        let payload = match &read.message {
            Some(message) => BASE64.decode(message.0.as_bytes()).map_err(EnvelopeError::Base64)?,
            None => Vec::new(),
        };
        let sent_time = match text(read.sent_time) {
            Some(text) if is_long_ago(&text) => None,
            Some(text) => Some(time(&text).ok_or_else(|| EnvelopeError::time(&text))?),
            None => None,
        };
        let route = match read.wirework_hops {
            Some(Hops::Route(text)) => Route::parse(&text.0),
            Some(Hops::Other(_)) | None => None,
        };
        let dead = match read.wirework_dead {
            Some(Dead::Facts(Facts { reason, topic, deliveries })) => {
                let reason = DeadLetterReason::parse(&reason.0);
                Some(Arc::new(DeadLetter::new(reason, text(topic).map(Into::into), deliveries)))
            }
            Some(Dead::Other(_)) | None => None,
        };
        let message_id = text(read.message_id);
        Ok(Self {
            message_id: message_id.map_or_else(MessageId::unique, |id| MessageId::from(&*id)),
            trace_id: text(read.trace_id).or_else(|| text(read.correlation_id)).map(Into::into),
            message_type: text(read.message_type).unwrap_or_default().into(),
            sent_time,
            route,
            dead,
            ..Self::new("", payload)
        })
    }
}

/// What says something.
fn text(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

/// RFC 3339 in UTC with milliseconds; nothing before 1970 and after 9999.
fn time_text(time: SystemTime) -> Option<String> {
    let mut text = String::with_capacity(24);
    if time < SystemTime::UNIX_EPOCH {
        return None;
    }
    write!(text, "{}", humantime::format_rfc3339_millis(time)).ok()?;
    Some(text)
}

/// RFC 3339, and what ISO 8601 writers leave out of it or add: the zone, seconds that are 0, and the name of the zone in
/// brackets, as Java does.
fn time(text: &str) -> Option<SystemTime> {
    let text = text.split_once('[').map_or(text, |(time, _)| time);
    if text.contains(['t', 'z']) {
        return time(&text.to_ascii_uppercase());
    }
    let (local, offset) = match text.get(10..)?.rfind(['+', '-']) {
        Some(at) => (text.get(..10 + at)?, offset(text.get(10 + at..)?)?),
        None => (text, 0),
    };
    let minutes = local.strip_suffix('Z').unwrap_or(local);
    let time = if minutes.len() == "2026-11-22T21:31".len() {
        humantime::parse_rfc3339_weak(&format!("{minutes}:00")).ok()?
    } else {
        humantime::parse_rfc3339_weak(local).ok()?
    };
    let distance = Duration::from_secs(offset.unsigned_abs() * 60);
    if offset < 0 { time.checked_add(distance) } else { time.checked_sub(distance) }
}

/// A time before 1970, such as the year 1 that some toolkits write where there is none.
fn is_long_ago(text: &str) -> bool {
    let Some((year, rest)) = text.split_at_checked(4) else { return false };
    let digits = year.bytes().all(|byte| byte.is_ascii_digit());
    // 1972 has all days that any year has.
    digits && year < "1970" && time(&format!("1972{rest}")).is_some()
}

/// Minutes east of Greenwich in `+02:00`, `+0200` or `+02`.
fn offset(text: &str) -> Option<i64> {
    let digits: String = text.get(1..)?.split(':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    Some(if text.starts_with('-') { -minutes } else { minutes })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
