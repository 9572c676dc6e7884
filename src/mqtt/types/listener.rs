//! The trait of message listeners.

use crate::mqtt::MqttMessage;
use crate::{BoxFuture, Error};

/// Gets the messages of its subscriptions, one at a time, in the order in which the broker sent them.
///
/// A message of QoS 1 or 2 is acknowledged when the future has ended. An error or a panic is logged and counted, and
/// the message counts as handled, unless the subscription says
/// [`SubscribeOptions::manual_ack`](crate::mqtt::SubscribeOptions::manual_ack): MQTT has no way to give a message back on the
/// link on which it came. Closures that return a future are listeners:
///
/// ```
/// use wirework::mqtt::{MqttMessage, MqttMessageListener};
/// fn listener() -> impl MqttMessageListener {
///     |message: MqttMessage| async move {
///         println!("{}: {} bytes", message.topic, message.payload.len());
///         Ok(())
///     }
/// }
/// # let _ = listener();
/// ```
pub trait MqttMessageListener: Send + Sync + 'static {
    /// Handles one message.
    fn on_message(&self, message: MqttMessage) -> BoxFuture<'_, Result<(), Error>>;

    /// Whether tracers are told of each message that it handles; not so of one that only passes them on to where that is done.
    fn is_traced(&self) -> bool {
        true
    }
}

impl<F, R> MqttMessageListener for F
where
    F: Fn(MqttMessage) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn on_message(&self, message: MqttMessage) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self(message))
    }
}
