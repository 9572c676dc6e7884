//! The message envelope: id, type, trace id, time and bytes of a message.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::route::Route;
use super::store::Lease;
use super::{DeadLetter, DeadLetterReason, EnvelopeError, MessageId};
use crate::footprint;
use crate::text::clip;
use crate::trace::TraceContext;

/// A message as queues carry it. Cloning is cheap.
///
/// ```
/// use wirework::messaging::MessageEnvelope;
/// let envelope = MessageEnvelope::new("order.created", "ABC").with_trace_id("trace-123");
/// assert_eq!(envelope.text(), Some("ABC"));
/// assert_eq!(envelope.to_string(), "[trace-123,order.created,ABC]");
/// let copy = MessageEnvelope::from_json(&envelope.to_json())?;
/// assert_eq!(copy.message_id, envelope.message_id);
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct MessageEnvelope {
    /// What tells it from every other message.
    pub message_id: MessageId,
    /// What ties it to the call that caused it.
    pub trace_id: Option<Arc<str>>,
    /// What it is about, for those who receive it; may be empty.
    pub message_type: Arc<str>,
    /// When it was sent; a queue sets it where it is not.
    pub sent_time: Option<SystemTime>,
    /// Its bytes.
    pub payload: Bytes,
    /// The topic that it came on, of a received message of a queue over MQTT; bridges and queues in memory keep it. Of a message
    /// to be sent, the topic that stands for `{topic}` in the topic of the queue. It does not travel itself.
    pub topic: Option<Arc<str>>,
    /// Where it stands in a trace.
    pub(crate) trace: Option<Arc<TraceContext>>,
    /// The right to settle it, on a message that was received.
    pub(crate) lease: Option<Lease>,
    pub(crate) deliveries: u32,
    /// The queues that passed it on, where any did.
    pub(crate) route: Option<Route>,
    /// How it came to the dead letters, where it did.
    pub(crate) dead: Option<Arc<DeadLetter>>,
}

impl MessageEnvelope {
    /// A message with a new id, of these bytes.
    pub fn new(message_type: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        Self {
            message_id: MessageId::unique(),
            trace_id: None,
            message_type: message_type.into(),
            sent_time: None,
            payload: payload.into(),
            topic: None,
            trace: None,
            lease: None,
            deliveries: 0,
            route: None,
            dead: None,
        }
    }

    /// A message whose bytes are `value` as JSON.
    ///
    /// # Errors
    /// [`EnvelopeError::Value`] where `value` is nothing that JSON knows.
    pub fn of_json(message_type: impl Into<Arc<str>>, value: &impl Serialize) -> Result<Self, EnvelopeError> {
        let payload = serde_json::to_vec(value).map_err(|error| EnvelopeError::Value(Arc::new(error)))?;
        Ok(Self::new(message_type, payload))
    }

    /// The same with a trace id.
    #[must_use]
    pub fn with_trace_id(self, trace_id: impl Into<Arc<str>>) -> Self {
        Self { trace_id: Some(trace_id.into()), ..self }
    }

    /// The same as part of an operation: of the message, the request or the [`Timing`](crate::trace::Timing) because of which it is sent.
    #[must_use]
    pub fn with_trace(self, context: &TraceContext) -> Self {
        Self { trace: Some(Arc::new(context.clone())), ..self }
    }

    /// Where it stands in a trace: in a receiver of [`listen`](super::MessageQueue::listen), while somebody traces, the span of its handling;
    /// else what its sender has sent. It stays within the service, and over MQTT 5 it goes as `traceparent` of W3C Trace Context.
    ///
    /// ```
    /// use wirework::messaging::MessageEnvelope;
    /// use wirework::trace::TraceContext;
    /// let context = TraceContext::begin();
    /// assert_eq!(MessageEnvelope::new("order.created", "ABC").with_trace(&context).trace(), Some(&context));
    /// ```
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_deref()
    }

    /// The same with a topic, for a queue whose own has `{topic}` in it.
    #[must_use]
    pub fn with_topic(self, topic: impl Into<Arc<str>>) -> Self {
        Self { topic: Some(topic.into()), ..self }
    }

    /// The bytes as text, where they are UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.payload).ok()
    }

    /// The bytes, read as JSON.
    ///
    /// # Errors
    /// [`EnvelopeError::Value`] where they are no JSON, or not what is wanted.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, EnvelopeError> {
        serde_json::from_slice(&self.payload).map_err(|error| EnvelopeError::Value(Arc::new(error)))
    }

    /// How often it has been delivered, this time included; 0 on a message that was not received.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// How often bridges and dead letters have passed it on; 0 on a message that comes from its sender. It travels in the
    /// envelope, and of raw payloads on MQTT 5 as a user property; at a limit the message is not passed on any more.
    #[must_use]
    pub fn hops(&self) -> u32 {
        self.route.as_ref().map_or(0, Route::hops)
    }

    /// Why, from where and after how many deliveries it last came to the dead letters; none where it never did, or where what it
    /// came by cannot say so (a payload that is no envelope, over MQTT 3.1.1).
    #[must_use]
    pub fn dead_letter(&self) -> Option<&DeadLetter> {
        self.dead.as_deref()
    }

    /// A copy as a dead letter of this queue.
    pub(crate) fn as_dead_letter(&self, queue: &str, reason: DeadLetterReason) -> Self {
        let dead = DeadLetter::new(reason, self.topic.clone(), self.deliveries);
        Self { dead: Some(Arc::new(dead)), ..self.passed_on(queue) }
    }

    /// A copy that was passed on by this queue.
    pub(crate) fn passed_on(&self, queue: &str) -> Self {
        Self { route: Some(Route::after(self.route.as_ref(), queue)), ..self.unlocked() }
    }

    /// What it costs in memory, without its entry in a list: see [`footprint`].
    pub(crate) fn footprint(&self) -> usize {
        let trace_id = self.trace_id.as_ref().map_or(0, footprint::text);
        // The type of a payload that is no envelope is its topic.
        let topic = self.topic.as_ref().filter(|topic| !Arc::ptr_eq(topic, &self.message_type));
        let topic = topic.map_or(0, footprint::text) + self.dead.as_ref().map_or(0, |dead| dead.footprint());
        let trace = self.trace.as_ref().map_or(0, |trace| trace.footprint());
        let texts =
            self.message_id.footprint() + trace_id + trace + footprint::text(&self.message_type) + topic;
        texts + self.route.as_ref().map_or(0, Route::footprint) + footprint::bytes(&self.payload)
    }

    /// A message to be sent on: the same without the lock and the count of where it was received.
    #[must_use]
    pub fn unlocked(&self) -> Self {
        Self { lease: None, deliveries: 0, ..self.clone() }
    }

    /// The same of a message that is not needed any more.
    pub(crate) fn into_unlocked(mut self) -> Self {
        self.lease = None;
        self.deliveries = 0;
        self
    }
}

/// Envelopes are equal when what is sent of them is equal.
impl PartialEq for MessageEnvelope {
    fn eq(&self, other: &Self) -> bool {
        self.message_id == other.message_id
            && self.trace_id == other.trace_id
            && self.message_type == other.message_type
            && self.sent_time == other.sent_time
            && self.payload == other.payload
    }
}

impl Eq for MessageEnvelope {}

/// `[trace id,type,first 50 bytes of the payload]`, each `---` where there is none, escaped and cut.
impl fmt::Display for MessageEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dashes = |text: &str| if text.is_empty() { "---".to_owned() } else { clip(text).into_owned() };
        let start = self.payload.get(..50).unwrap_or(&self.payload);
        let trace_id = or_dashes(self.trace_id.as_deref().unwrap_or_default());
        let (kind, text) = (or_dashes(&self.message_type), or_dashes(&String::from_utf8_lossy(start)));
        write!(f, "[{trace_id},{kind},{text}]")
    }
}

/// Shows the payload's length, not its bytes: what services send each other is not for logs.
impl fmt::Debug for MessageEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageEnvelope")
            .field("message_id", &self.message_id)
            .field("trace_id", &self.trace_id)
            .field("message_type", &self.message_type)
            .field("bytes", &self.payload.len())
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_start_of_its_payload_and_dashes() {
        assert_eq!(MessageEnvelope::new("", "").to_string(), "[---,---,---]");
        let long = MessageEnvelope::new("t", "x".repeat(60));
        assert_eq!(long.to_string(), format!("[---,t,{}]", "x".repeat(50)));
    }

    #[test]
    fn values_go_through_json() {
        let envelope = MessageEnvelope::of_json("t", &(1, "two")).unwrap();
        assert_eq!(envelope.json::<(u8, String)>().unwrap(), (1, "two".into()));
        let error = envelope.json::<bool>().unwrap_err();
        assert!(error.to_string().starts_with("the payload is not the JSON wanted"), "{error}");
    }
}
