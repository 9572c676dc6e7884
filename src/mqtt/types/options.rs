//! How a message is published and how a filter is subscribed to.

use std::sync::Arc;
use std::time::Duration;

use crate::mqtt::{MessageProperties, QoS};
use crate::trace::TraceContext;

/// The constructors by QoS that publishing and subscribing share.
macro_rules! by_qos {
    ($type:ident) => {
        impl $type {
            /// QoS 0, which is the default.
            #[must_use]
            pub fn at_most_once() -> Self {
                Self::default()
            }

            /// QoS 1.
            #[must_use]
            pub fn at_least_once() -> Self {
                Self { qos: QoS::AtLeastOnce, ..Self::default() }
            }

            /// QoS 2.
            #[must_use]
            pub fn exactly_once() -> Self {
                Self { qos: QoS::ExactlyOnce, ..Self::default() }
            }

            /// The same with another QoS.
            #[must_use]
            pub fn qos(self, qos: QoS) -> Self {
                Self { qos, ..self }
            }
        }
    };
}

by_qos!(PublishOptions);
by_qos!(SubscribeOptions);

/// How one message is published. The default is QoS 0, not retained.
///
/// ```
/// use wirework::mqtt::{PublishOptions, QoS};
/// let options = PublishOptions::at_least_once().retain();
/// assert_eq!((options.qos, options.retain), (QoS::AtLeastOnce, true));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishOptions {
    /// The quality of service.
    pub qos: QoS,
    /// Whether the broker retains it for later subscribers.
    pub retain: bool,
    /// Whether a QoS 0 message waits while the link is down instead of failing at once. QoS 1 and 2 always wait.
    pub wait: bool,
    /// How long `publish` takes at most, instead of `options.publish_timeout`; zero is without limit.
    pub timeout: Option<Duration>,
    /// What the message says about itself. MQTT 5 only: on 3.1.1 a message with properties fails.
    pub properties: Option<Arc<MessageProperties>>,
    /// The trace id that the message belongs to. On MQTT 5 it goes out as a user property, `traceparent` of W3C Trace
    /// Context where it has 32 hexadecimal digits, else `trace_id`; 3.1.1 has no place for it and leaves it out.
    pub trace_id: Option<Arc<str>>,
    /// Where in a trace it is published: its span is a child of this. On MQTT 5 the span goes out as `traceparent` and `tracestate` of W3C
    /// Trace Context, or, where nobody traces here, this as it is. 3.1.1 has no place for it. It comes before `trace_id`.
    pub trace: Option<Arc<TraceContext>>,
}

impl PublishOptions {
    /// The same, retained.
    #[must_use]
    pub fn retain(self) -> Self {
        Self { retain: true, ..self }
    }

    /// The same, waiting for the link also at QoS 0.
    #[must_use]
    pub fn wait(self) -> Self {
        Self { wait: true, ..self }
    }

    /// The same with a limit of its own.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        Self { timeout: Some(limit), ..self }
    }

    /// The same with properties, on MQTT 5.
    #[must_use]
    pub fn properties(self, properties: impl Into<Arc<MessageProperties>>) -> Self {
        Self { properties: Some(properties.into()), ..self }
    }

    /// The same, belonging to a trace, such as that of [`Context::trace_id`](crate::component::Context::trace_id).
    #[must_use]
    pub fn trace_id(self, trace_id: impl Into<Arc<str>>) -> Self {
        Self { trace_id: Some(trace_id.into()), ..self }
    }

    /// The same, as part of an operation: of the [message](crate::mqtt::MqttMessage::trace), the request or the
    /// [`Timing`](crate::trace::Timing) because of which it is published.
    ///
    /// ```
    /// use wirework::mqtt::PublishOptions;
    /// use wirework::trace::TraceContext;
    /// let context = TraceContext::begin();
    /// let options = PublishOptions::at_least_once().trace(&context);
    /// assert_eq!(options.trace.as_deref(), Some(&context));
    /// ```
    #[must_use]
    pub fn trace(self, context: &TraceContext) -> Self {
        Self { trace: Some(Arc::new(context.clone())), ..self }
    }
}

/// How a filter is subscribed to. The default is QoS 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// The highest QoS at which messages come.
    pub qos: QoS,
    /// Whether a message is acknowledged only when its listener has finished it well; see
    /// [`SubscribeOptions::manual_ack`].
    pub manual_ack: bool,
    /// MQTT 5: whether messages that this client publishes itself do not come; see [`SubscribeOptions::no_local`].
    pub no_local: bool,
    /// MQTT 5: whether messages come with the retain flag that they were published with. Otherwise it says that the broker
    /// had retained the message.
    pub retain_as_published: bool,
    /// MQTT 5: which retained messages come.
    pub retain_handling: RetainHandling,
}

/// Which retained messages a subscription brings; from most to none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetainHandling {
    /// All that match.
    #[default]
    Send,
    /// Those, if the session had no subscription to this filter yet.
    SendIfNew,
    /// None.
    Never,
}

impl SubscribeOptions {
    /// The same without the messages that this client publishes, on MQTT 5. A filter that several listeners have in common
    /// is one subscription for the broker, so they must agree on this and on `retain_as_published`.
    ///
    /// A wider filter of the same connection may be without it: the broker says for which filters a message comes, and only their
    /// listeners get it. That takes a broker with subscription identifiers; at one without, `subscribe` refuses the option. Only
    /// after the connection has moved to such a broker with a subscription that was granted before, it may be in vain: as long as
    /// the connection has a wider filter without it, what it publishes itself comes for that filter, and nothing in such a
    /// message tells for which filter it comes, or who has published it.
    #[must_use]
    pub fn no_local(self) -> Self {
        Self { no_local: true, ..self }
    }

    /// The same with the retain flag as it was published, on MQTT 5.
    #[must_use]
    pub fn retain_as_published(self) -> Self {
        Self { retain_as_published: true, ..self }
    }

    /// The same with another choice of retained messages, on MQTT 5.
    #[must_use]
    pub fn retain_handling(self, retain_handling: RetainHandling) -> Self {
        Self { retain_handling, ..self }
    }

    /// Whether it asks for what only MQTT 5 has.
    pub(crate) fn needs_version_5(&self) -> bool {
        self.no_local || self.retain_as_published || self.retain_handling != RetainHandling::Send
    }

    /// The same, with messages of QoS 1 and 2 acknowledged only when the listener has returned `Ok`, or, where it took
    /// [`MqttMessage::acknowledgement`](crate::mqtt::MqttMessage::acknowledgement), when that is given. An error, a panic or an
    /// acknowledgement that was dropped leaves the message unacknowledged: on a persistent session it comes again on the next
    /// link, to all its listeners. Until then it takes one of the places that the broker has for messages on their way (20
    /// by default in mosquitto), so this is for failures that are rare.
    ///
    /// ```
    /// use wirework::mqtt::SubscribeOptions;
    /// assert!(SubscribeOptions::at_least_once().manual_ack().manual_ack);
    /// ```
    #[must_use]
    pub fn manual_ack(self) -> Self {
        Self { manual_ack: true, ..self }
    }
}
