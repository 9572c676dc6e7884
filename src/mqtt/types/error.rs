//! The errors of a connection.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::link_error::{elsewhere, keys_of_redirect};
use crate::config::Invalid;
use crate::error::{Category, Coded, chain};
use crate::mqtt::properties::PropertyError;
use crate::mqtt::topic::TopicError;
use crate::mqtt::{LinkError, MqttVersion, QoS};
use crate::text::{clip, duration, escape};

/// An operation on an MQTT connection that failed. Cloning is cheap: one lost link fails many operations.
///
/// Its `Debug` is for people too, who meet it where `main` or a test ends with it: category, code, and the message with all causes.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MqttError {
    /// The connection was never opened.
    #[error("the MQTT connection is not open; open it first")]
    NotOpen,
    /// The connection has been closed, or was while it opened; the code is that of [`NotOpen`](Self::NotOpen).
    #[error("the MQTT connection has been closed; open it again, or close it later")]
    WasClosed,
    /// The connection closed before the broker had acknowledged; the message may have arrived.
    #[error("the MQTT connection was closed before the broker acknowledged the operation")]
    Closed,
    /// No broker could be reached within `options.connect_timeout`, or in the one sweep of `retry_connect = false`.
    #[error("cannot connect to the MQTT broker at {}{}", escape(endpoints), within(*waited))]
    ConnectFailed {
        /// The addresses tried, without credentials.
        endpoints: Arc<str>,
        /// How long it was tried again and again; zero where trying again was not asked for or could not help.
        waited: Duration,
        /// What happened last.
        source: LinkError,
    },
    /// The broker answered CONNECT with a refusal.
    #[error(
        "the MQTT broker at {} refuses the connection: {reason} (code {code}){}",
        clip(endpoint),
        elsewhere(server_reference)
    )]
    Refused {
        /// The broker's address, without credentials.
        endpoint: Arc<str>,
        /// The return code of CONNACK.
        code: u8,
        /// What the code means, and what the broker said beside it, escaped and cut.
        reason: Arc<str>,
        /// Where the broker sends its clients instead (MQTT 5).
        server_reference: Option<Arc<str>>,
    },
    /// The link to the broker is down, and the operation is one that does not wait for it.
    #[error("the link to the MQTT broker is down")]
    Down(#[source] LinkError),
    /// The broker has forgotten the session, so that nobody can say whether this QoS 2 message arrived.
    #[error(
        "the MQTT broker lost the session: whether the QoS 2 message on `{}` arrived cannot be proven",
        clip(topic)
    )]
    SessionLost {
        /// The topic of the message.
        topic: Arc<str>,
    },
    /// The deadline passed.
    #[error("{operation} was not finished within {}{}", duration(*limit), if *accepted { "; it may still take effect" } else { "; nothing was sent" })]
    TimedOut {
        /// What was to be done.
        operation: &'static str,
        /// The limit.
        limit: Duration,
        /// Whether the operation had been accepted, so that it may still take effect.
        accepted: bool,
    },
    /// The link is up, and the broker has not acknowledged the message in time; it may still take effect.
    ///
    /// MQTT 3.1.1 has no answer by which a broker refuses a message: one whose topic it denies to the client it acknowledges and drops, or
    /// leaves unanswered, or it ends the link. MQTT 5 has one, [`PublishRefused`](Self::PublishRefused).
    #[error(
        "the MQTT broker has not acknowledged the message on `{}` within {}, though the link is up; it may still take effect{}",
        clip(topic),
        duration(*limit),
        match version {
            MqttVersion::V4 => "; in MQTT 3.1.1 it cannot refuse one: does it permit the client this topic?",
            MqttVersion::V5 => "",
        }
    )]
    PublishUnanswered {
        /// The topic of the message.
        topic: Arc<str>,
        /// The limit.
        limit: Duration,
        /// What is spoken.
        version: MqttVersion,
    },
    /// The packet would be larger than this side or the broker permits.
    #[error("the message on `{}` makes a packet of {size} bytes; at most {max} are permitted", clip(topic))]
    TooLarge {
        /// The topic of the message.
        topic: Arc<str>,
        /// The size of the packet, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// `try_publish` found no room.
    #[error("{in_flight} publishes are in flight and {queued_bytes} bytes wait; try again later")]
    Full {
        /// How many publishes are not acknowledged yet.
        in_flight: usize,
        /// How many bytes they have.
        queued_bytes: usize,
    },
    /// A topic or filter that MQTT forbids.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The broker refused a subscription.
    #[error("the MQTT broker refuses the subscription to `{}`: {reason} (code {code:#04x})", clip(filter))]
    SubscriptionRefused {
        /// The filter as it went over the wire: the one asked for, or a wider one that covers it.
        filter: Arc<str>,
        /// The return code of SUBACK.
        code: u8,
        /// What the code means, and what the broker said beside it, escaped and cut.
        reason: Arc<str>,
    },
    /// The broker does not grant a subscription again that it had granted on an earlier link; it is asked again.
    #[error(
        "the MQTT broker does not grant the subscription to `{filter}` again: {reason} (code {code:#04x}); it is asked again"
    )]
    SubscriptionLost {
        /// The filter.
        filter: Arc<str>,
        /// The return code of SUBACK.
        code: u8,
        /// What the code means, and what the broker said beside it.
        reason: Arc<str>,
    },
    /// The subscription was taken back while its grant was awaited.
    #[error("the subscription to `{filter}` was taken back before the MQTT broker had granted it")]
    Unsubscribed {
        /// The filter.
        filter: Arc<str>,
    },
    /// The broker refused a message (MQTT 5).
    #[error("the MQTT broker refuses the message on `{}`: {reason} (code {code:#04x})", clip(topic))]
    PublishRefused {
        /// The topic of the message.
        topic: Arc<str>,
        /// The reason code of PUBACK or PUBREC.
        code: u8,
        /// What the code means, and what the broker said beside it, escaped and cut.
        reason: Arc<str>,
    },
    /// The broker has ended one link after the other when it got this message, with nothing else on its way; so it is not
    /// sent again. Is it larger than the broker takes, or its QoS higher? Whether it has arrived cannot be told.
    #[error(
        "the MQTT broker has ended {links} links in a row on the message on `{}` ({size} bytes, QoS {}); it is not sent \
         again",
        clip(topic),
        *qos as u8
    )]
    EndsLinks {
        /// The topic of the message.
        topic: Arc<str>,
        /// The size of its payload, in bytes.
        size: usize,
        /// Its quality of service.
        qos: QoS,
        /// How many links it has ended.
        links: u32,
        /// How the last of them ended.
        #[source]
        last: LinkError,
    },
    /// The broker has ended one link after the other when it was asked for this filter, with nothing else on its way. May the
    /// client subscribe to it? It is not asked for again for a while.
    #[error("the MQTT broker has ended {links} links in a row on SUBSCRIBE of `{}`", clip(filter))]
    SubscribeEndsLinks {
        /// The filter.
        filter: Arc<str>,
        /// How many links it has ended.
        links: u32,
        /// How the last of them ended.
        #[source]
        last: LinkError,
    },
    /// The broker answers others, but not the SUBSCRIBE of this filter.
    #[error("the MQTT broker has not answered SUBSCRIBE of `{}` within {}", clip(filter), duration(*limit))]
    SubscribeUnanswered {
        /// The filter.
        filter: Arc<str>,
        /// The limit, `options.connect_timeout`.
        limit: Duration,
    },
    /// The broker, or the version of MQTT spoken, cannot do what was asked for.
    #[error("{what} cannot be had here: {why}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Who lacks it.
        why: &'static str,
    },
    /// The message was not sent before its expiry had passed.
    #[error("the message on `{}` expired before it could be sent", clip(topic))]
    Expired {
        /// The topic of the message.
        topic: Arc<str>,
    },
    /// A message property that MQTT 5 cannot carry.
    #[error("the message property `{property}` {problem}")]
    BadProperty {
        /// The field of [`MessageProperties`](crate::mqtt::MessageProperties).
        property: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A protocol that this program was built without.
    #[error(
        "the protocol `{protocol}` needs the cargo feature `{feature}` of `wirework`, without which this program was built"
    )]
    FeatureMissing {
        /// The protocol.
        protocol: &'static str,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// The task behind the connection panicked, which is a defect: here, or in something that was handed to the connection. The
    /// operation may have taken effect.
    #[error("the MQTT connection has broken down: {panic}")]
    Panicked {
        /// What panicked, and what it said.
        panic: Arc<str>,
    },
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] Invalid),
}

impl fmt::Debug for MqttError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.category(), self.code(), chain(self))
    }
}

impl From<PropertyError> for MqttError {
    fn from(error: PropertyError) -> Self {
        match error {
            PropertyError::Topic(error) => error.into(),
            PropertyError::Value { property, problem } => Self::BadProperty { property, problem },
        }
    }
}

impl Coded for MqttError {
    fn category(&self) -> Category {
        match self {
            Self::NotOpen | Self::WasClosed | Self::Closed => Category::InvalidState,
            Self::ConnectFailed { source: LinkError::Tls(error), .. } => error.category(),
            Self::ConnectFailed { .. }
            | Self::Down(_)
            | Self::TimedOut { .. }
            | Self::PublishUnanswered { .. }
            | Self::SubscribeUnanswered { .. } => Category::NoResponse,
            Self::Refused { code, .. }
            | Self::SubscriptionRefused { code, .. }
            | Self::PublishRefused { code, .. }
                if is_unauthorized(*code) =>
            {
                Category::Unauthorized
            }
            Self::Refused { .. } => Category::NoResponse,
            // The message is at fault, and would be refused again.
            Self::PublishRefused { code: TOPIC_NAME | TOO_LARGE | FORMAT, .. } => Category::BadRequest,
            Self::SessionLost { .. }
            | Self::SubscriptionRefused { .. }
            | Self::PublishRefused { .. }
            | Self::EndsLinks { .. }
            | Self::SubscribeEndsLinks { .. }
            | Self::Expired { .. } => Category::FailedInvocation,
            Self::Unsupported { .. } => Category::Unsupported,
            Self::TooLarge { .. } | Self::BadProperty { .. } => Category::BadRequest,
            // Whoever can wait does: the broker is asked again.
            Self::SubscriptionLost { .. } => Category::NoResponse,
            Self::Full { .. } | Self::Unsubscribed { .. } => Category::Conflict,
            Self::Topic(error) => error.category(),
            Self::Panicked { .. } => Category::Internal,
            Self::Config(_) | Self::FeatureMissing { .. } => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotOpen | Self::WasClosed => "NOT_OPEN",
            Self::Closed => "CLOSED",
            Self::ConnectFailed { .. } | Self::Refused { .. } => "CONNECT_FAILED",
            Self::Down(_) => "CONNECTION_LOST",
            Self::SessionLost { .. } => "SESSION_LOST",
            Self::TimedOut { .. } | Self::PublishUnanswered { .. } => "TIMEOUT",
            Self::TooLarge { .. } => "PACKET_TOO_LARGE",
            Self::Full { .. } => "WINDOW_FULL",
            Self::Topic(error) => error.code(),
            Self::SubscriptionRefused { .. } => "SUBSCRIBE_REFUSED",
            Self::SubscriptionLost { .. } => "SUBSCRIPTION_LOST",
            Self::Unsubscribed { .. } => "UNSUBSCRIBED",
            Self::FeatureMissing { .. } => "FEATURE_MISSING",
            Self::PublishRefused { .. } => "PUBLISH_REFUSED",
            Self::EndsLinks { .. } => "PUBLISH_ENDS_LINKS",
            Self::SubscribeEndsLinks { .. } => "SUBSCRIBE_ENDS_LINKS",
            Self::SubscribeUnanswered { .. } => "SUBSCRIBE_UNANSWERED",
            Self::Unsupported { .. } => "NOT_SUPPORTED",
            Self::Expired { .. } => "EXPIRED",
            Self::BadProperty { .. } => "BAD_PROPERTY",
            Self::Panicked { .. } => "PANIC",
            Self::Config(_) => "BAD_CONFIG",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::ConnectFailed { source: error, .. } => match error.keys() {
                // Nothing else is to blame but where it leads.
                keys if keys.is_empty() => CONNECTION_KEYS.map(Cow::from).to_vec(),
                keys => keys,
            },
            Self::Down(error)
            | Self::EndsLinks { last: error, .. }
            | Self::SubscribeEndsLinks { last: error, .. } => error.keys(),
            Self::Refused { server_reference, .. } => keys_of_redirect(server_reference),
            Self::SubscribeUnanswered { .. } => vec!["options.connect_timeout".into()],
            Self::Topic(error) => error.keys(),
            Self::Config(invalid) => invalid.keys(),
            _ => Vec::new(),
        }
    }
}

/// The keys of a section that say where a connection leads.
const CONNECTION_KEYS: [&str; 5] =
    ["connection.uri", "connection.host", "connection.port", "connection.discovery_key", "connections"];

/// Reason codes of MQTT 5 that are about a message: its topic is not accepted, it is too large, its payload is not what it is
/// said to be.
const TOPIC_NAME: u8 = 0x90;
const TOO_LARGE: u8 = 0x95;
const FORMAT: u8 = 0x99;

/// Whether a return code of 3.1.1, or a reason code of 5, is about who the client is.
const fn is_unauthorized(code: u8) -> bool {
    matches!(code, 4 | 5 | 0x86 | 0x87 | 0x8a | 0x8c)
}

/// How long was tried, as a part of a message; empty for no time.
fn within(waited: Duration) -> String {
    if waited.is_zero() { String::new() } else { format!(" within {}", duration(waited)) }
}

#[cfg(test)]
mod tests;
