//! The errors of messages and queues.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Invalid;
use crate::error::{Category, Coded};
use crate::text::{clip_to, duration};

/// Bytes that are no envelope, or not the value wanted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Something else than a JSON object.
    #[error("the envelope is no JSON object")]
    NoObject,
    /// No JSON, or a field of another type.
    #[error("the envelope is no JSON of the right form")]
    Json(#[source] Arc<serde_json::Error>),
    /// The payload is no base64.
    #[error("the field `message` is no base64")]
    Base64(#[source] base64::DecodeError),
    /// The time of sending cannot be read.
    #[error(
        "the field `sent_time` is `{found}`, which is no time; expected one such as `2026-11-22T21:31:21.431Z`"
    )]
    Time {
        /// The start of what was found, escaped.
        found: String,
    },
    /// The payload is not what the receiver wants, or a value is nothing that JSON knows.
    #[error("the payload is not the JSON wanted")]
    Value(#[source] Arc<serde_json::Error>),
}

impl EnvelopeError {
    pub(super) fn time(text: &str) -> Self {
        Self::Time { found: clip_to(text, 40).into_owned() }
    }
}

impl Coded for EnvelopeError {
    fn category(&self) -> Category {
        Category::BadRequest
    }
    fn code(&self) -> &'static str {
        "BAD_ENVELOPE"
    }
}

/// An operation on a queue that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The queue was never opened.
    #[error("the queue `{queue}` is not open; open it first")]
    NotOpened {
        /// The queue's name.
        queue: Arc<str>,
    },
    /// The queue has been closed, or is closing; the code is that of [`NotOpened`](Self::NotOpened).
    #[error("the queue `{queue}` has been closed; open it again, or close it later")]
    WasClosed {
        /// The queue's name.
        queue: Arc<str>,
    },
    /// The message was not received from this queue, is settled already, or its lock has expired.
    #[error(
        "the message is not locked in the queue `{queue}`: it was not received there, is settled already, or its lock expired"
    )]
    NotLocked {
        /// The queue's name.
        queue: Arc<str>,
    },
    /// The queue stayed full.
    #[error(
        "the queue `{queue}` stayed full, with {capacity} unfinished messages or {max_bytes} bytes of them, for {}",
        duration(*limit)
    )]
    Full {
        /// The queue's name.
        queue: Arc<str>,
        /// How many messages it holds at most.
        capacity: usize,
        /// How many bytes they take at most.
        max_bytes: usize,
        /// How long room was waited for.
        limit: Duration,
    },
    /// Two queues in memory of one name in one container are one queue, and are configured to behave differently.
    #[error(
        "the queue `{queue}` of `{second}` is the same as that of `{first}`, but has {differences}; let them agree, or give \
         one another name with `queue`"
    )]
    Disagree {
        /// The name that they share.
        queue: Arc<str>,
        /// The component that opened first.
        first: Arc<str>,
        /// The one that does not agree with it.
        second: Arc<str>,
        /// The keys in which they differ, with both values.
        differences: Arc<str>,
        /// The keys alone.
        keys: Arc<[&'static str]>,
    },
    /// A message has no topic, and the queue sends each to a topic of its own.
    #[error("the queue `{queue}` sends to `{target}`, and the message has no topic to stand in it")]
    NoTopic {
        /// The queue's name.
        queue: Arc<str>,
        /// Its topic, with the placeholder.
        target: Arc<str>,
    },
    /// A queue cannot do that.
    #[error("the queue `{queue}` cannot {operation}")]
    Unsupported {
        /// The queue's name.
        queue: Arc<str>,
        /// What it cannot do.
        operation: &'static str,
    },
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] Invalid),
}

impl Coded for QueueError {
    fn category(&self) -> Category {
        match self {
            Self::NotOpened { .. } | Self::WasClosed { .. } => Category::InvalidState,
            Self::NotLocked { .. } | Self::Full { .. } => Category::Conflict,
            Self::NoTopic { .. } => Category::BadRequest,
            Self::Unsupported { .. } => Category::Unsupported,
            Self::Config(_) | Self::Disagree { .. } => Category::Misconfiguration,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened { .. } | Self::WasClosed { .. } => "NOT_OPENED",
            Self::NotLocked { .. } => "NOT_LOCKED",
            Self::Full { .. } => "QUEUE_FULL",
            Self::NoTopic { .. } => "NO_TOPIC",
            Self::Unsupported { .. } => "UNSUPPORTED",
            Self::Config(_) | Self::Disagree { .. } => "BAD_CONFIG",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Disagree { keys, .. } => keys.iter().copied().chain(["queue"]).map(Cow::from).collect(),
            Self::Config(invalid) => invalid.keys(),
            _ => Vec::new(),
        }
    }
}
