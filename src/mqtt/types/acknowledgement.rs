//! The acknowledgement of a received message.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::mqtt::delivery::DeliveryGuard;

/// The right, and the duty, to acknowledge one message of a subscription with
/// [`SubscribeOptions::manual_ack`](crate::mqtt::SubscribeOptions::manual_ack); it comes from
/// [`MqttMessage::acknowledgement`](crate::mqtt::MqttMessage::acknowledgement).
///
/// Dropped without [`MqttAcknowledgement::acknowledge`], the message stays unacknowledged: on a persistent session the broker
/// sends it again on the next link. Acknowledgements leave in the order in which messages came, and never on a later link
/// than their message: what is acknowledged too late comes again.
///
/// ```
/// use wirework::mqtt::{MqttMessage, MqttMessageListener};
/// fn listener(work: tokio::sync::mpsc::Sender<MqttMessage>) -> impl MqttMessageListener {
///     move |message: MqttMessage| {
///         let work = work.clone();
///         async move {
///             let acknowledgement = message.acknowledgement();
///             // An error here drops the acknowledgement: the message comes again.
///             work.send(message).await.map_err(|_| wirework::mqtt::MqttError::NotOpen)?;
///             if let Some(acknowledgement) = acknowledgement {
///                 acknowledgement.acknowledge();
///             }
///             Ok(())
///         }
///     }
/// }
/// # let _ = listener(tokio::sync::mpsc::channel(1).0);
/// ```
#[must_use = "dropped, it leaves the message unacknowledged"]
pub struct MqttAcknowledgement {
    receipt: Option<Arc<DeliveryGuard>>,
}

impl MqttAcknowledgement {
    pub(crate) fn new(receipt: Arc<DeliveryGuard>) -> Self {
        Self { receipt: Some(receipt) }
    }

    /// Whether the broker may have sent the message of this one again as that of `again`, and if so, whether the packet id
    /// says so too; many brokers give a message the same one again, as they must.
    pub(crate) fn may_come_again_as(&self, again: &Self) -> Option<bool> {
        let (first, second) = (self.receipt.as_ref()?, again.receipt.as_ref()?);
        let (token, other) = (first.token()?, second.token()?);
        let may = first.is_of_one_connection(second) && token.may_come_again_as(&other);
        may.then(|| token.has_id_of(&other))
    }

    /// The message is finished well. Its acknowledgement leaves once those of all earlier messages have, and everybody
    /// else who got the message is done with it too.
    pub fn acknowledge(mut self) {
        if let Some(receipt) = self.receipt.take() {
            receipt.handle();
        }
    }
}

/// Not finished well: nothing is acknowledged.
impl Drop for MqttAcknowledgement {
    fn drop(&mut self) {
        if let Some(receipt) = &self.receipt {
            receipt.refuse();
        }
    }
}

impl fmt::Debug for MqttAcknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttAcknowledgement").finish_non_exhaustive()
    }
}

/// The acknowledgement of a message, until the listener takes it, or the code that called the listener.
#[derive(Clone, Default)]
pub(crate) struct AckSlot(Option<Arc<Mutex<Option<MqttAcknowledgement>>>>);

impl AckSlot {
    pub fn new(acknowledgement: MqttAcknowledgement) -> Self {
        Self(Some(Arc::new(Mutex::new(Some(acknowledgement)))))
    }

    pub fn take(&self) -> Option<MqttAcknowledgement> {
        self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
