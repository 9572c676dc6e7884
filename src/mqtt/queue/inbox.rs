//! What comes from the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::burst::Burst;
use super::codec::Codec;
use super::graveyard::Graveyard;
use crate::count::Increment;
use crate::messaging::EnvelopeError;
use crate::messaging::shelf::{Item, Shelf};
use crate::mqtt::{MqttAcknowledgement, MqttMessage, MqttMessageListener};
use crate::{BoxFuture, Error};

/// Puts messages on the queue's shelf, with their acknowledgements.
pub(super) struct Inbox {
    pub(super) shelf: Arc<Shelf<Option<MqttAcknowledgement>>>,
    pub(super) codec: Codec,
    pub(super) graveyard: Graveyard,
    /// `malformed_messages`: messages that are no envelope.
    pub(super) malformed: Increment,
    /// `repeated_messages`: messages that the broker sent again while they were here.
    pub(super) repeated: Increment,
    pub(super) burst: Burst,
    /// The queue takes messages; else they are left to the broker.
    pub(super) open: AtomicBool,
}

impl MqttMessageListener for Inbox {
    fn on_message(&self, message: MqttMessage) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.take(message))
    }
}

impl Inbox {
    async fn take(&self, message: MqttMessage) -> Result<(), Error> {
        let hold = message.acknowledgement();
        // Dropping the acknowledgement leaves the message to the next link of the session.
        if !self.open.load(Ordering::Acquire) {
            return Ok(());
        }
        let envelope = match self.codec.decode(&message) {
            Ok(envelope) => envelope,
            Err(error) => return self.refuse(message, hold, error).await,
        };
        let mut item = Item { envelope, hold };
        if message.dup && self.codec == Codec::Envelope && item.hold.is_some() {
            match self.shelf.replace(&item.envelope.message_id, item.hold) {
                Ok(before) => {
                    self.repeated.one();
                    // It was of an earlier link, where nothing can be acknowledged any more.
                    if let Some(before) = before {
                        before.acknowledge();
                    }
                    return Ok(());
                }
                Err(hold) => item.hold = hold,
            }
        }
        // Without room the broker has to wait: this listener takes nothing more, and acknowledges nothing.
        let _ = self.shelf.put(item, None).await;
        if !self.open.load(Ordering::Acquire) {
            // Room came because the queue closed meanwhile.
            drop(self.shelf.clear(true));
        }
        Ok(())
    }

    /// A message that is no envelope: nobody could receive it.
    async fn refuse(
        &self,
        message: MqttMessage,
        hold: Option<MqttAcknowledgement>,
        error: EnvelopeError,
    ) -> Result<(), Error> {
        self.malformed.one();
        let Graveyard { name, topic, logger, .. } = &self.graveyard;
        if self.burst.begins(Instant::now()) {
            let to =
                topic.as_deref().map_or("it is dropped".to_owned(), |topic| format!("it goes to `{topic}`"));
            logger.error(
                Some(&error),
                format_args!(
                    "Failed to read received message: {} bytes on `{}` are no envelope of the queue `{name}`; {to}, and \
                     so do others that follow, which are only counted",
                    message.payload.len(),
                    message.topic
                ),
            );
        }
        let trace_id = message.trace_id().map(Into::into);
        self.graveyard.publish(message.payload.clone(), trace_id).await?;
        if let Some(hold) = hold {
            hold.acknowledge();
        }
        Ok(())
    }
}
