//! Messages as a stream, beside listeners.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::handle::Handle;
use super::subscription::subscribe;
use crate::mqtt::driver::Command;
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, MqttMessage, MqttMessageListener, QoS, SubscribeOptions};
use crate::{Category, Error};

/// The messages of one filter, one after the other; from [`MqttClient::messages`](super::MqttClient::messages).
///
/// A message counts as handled when the next one is asked for, or the stream is dropped: then it is acknowledged, as it is when a
/// listener returns. So one message is in work at a time, and up to `options.listener_queue` of the connection wait behind it. The
/// stream goes on over lost links, and ends when the connection closes or fails. Dropped, it takes the subscription back, without
/// waiting for the broker: what waits behind then and nobody has seen is acknowledged as well, unless
/// [`SubscribeOptions::manual_ack`] is set; with it the broker sends that again on the next link of a persistent session. Closing
/// the connection waits for the message in work, up to `options.close_timeout`: drop the stream before, or ask it for the next
/// one meanwhile.
pub struct MqttMessages {
    handle: Arc<Handle>,
    filter: Filter,
    /// The connection holds the listener as long as there is a subscription.
    listener: Weak<dyn MqttMessageListener>,
    granted: QoS,
    coming: mpsc::Receiver<Handed>,
    /// Notifies the listener that the last message is handled.
    last: Option<oneshot::Sender<()>>,
}

/// A message, and how the listener learns that it is handled.
struct Handed {
    message: MqttMessage,
    handled: oneshot::Sender<()>,
}

/// Subscribes, and returns the messages as a stream.
pub(super) async fn messages(
    handle: &Arc<Handle>,
    filter: &str,
    options: SubscribeOptions,
) -> Result<MqttMessages, MqttError> {
    let (sender, coming) = mpsc::channel(1);
    let manual = options.manual_ack;
    let listener: SharedListener = Arc::new(move |message: MqttMessage| {
        let sender = sender.clone();
        async move {
            let (handled, told) = oneshot::channel();
            let handed = sender.send(Handed { message, handled }).await.is_ok();
            if (handed && told.await.is_ok()) || !manual { Ok(()) } else { Err(unhandled()) }
        }
    });
    let subscription = subscribe(handle, filter, options, Arc::clone(&listener)).await?;
    Ok(MqttMessages {
        handle: Arc::clone(handle),
        filter: subscription.filter().clone(),
        listener: Arc::downgrade(&listener),
        granted: subscription.granted(),
        coming,
        last: None,
    })
}

/// Returns the error of a listener whose message nobody has handled.
fn unhandled() -> Error {
    Error::new(
        Category::InvalidState,
        "NOT_HANDLED",
        "the stream of messages was dropped before it came to this one",
    )
}

impl MqttMessages {
    /// Waits for the next message. Returns none when the connection has closed or failed. Cancel safe: dropped before it returns,
    /// it has taken no message.
    pub async fn next(&mut self) -> Option<MqttMessage> {
        StreamExt::next(self).await
    }

    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns the QoS that the broker has granted.
    #[must_use]
    pub fn granted(&self) -> QoS {
        self.granted
    }

    /// The last message is handled.
    fn finish(&mut self) {
        if let Some(last) = self.last.take() {
            // A connection that has closed meanwhile does not wait.
            let _ = last.send(());
        }
    }
}

impl Stream for MqttMessages {
    type Item = MqttMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<MqttMessage>> {
        self.finish();
        self.coming.poll_recv(cx).map(|handed| {
            let Handed { message, handled } = handed?;
            self.last = Some(handled);
            Some(message)
        })
    }
}

impl Drop for MqttMessages {
    fn drop(&mut self) {
        // Where its owner panics, nobody can tell how far it came with the last one.
        if !std::thread::panicking() {
            self.finish();
        }
        let Some(listener) = self.listener.upgrade() else { return };
        let (reply, _nobody_waits) = oneshot::channel();
        // A connection that has closed has no subscriptions.
        let _ = self.handle.push(Command::Unsubscribe { filter: self.filter.clone(), listener, reply });
    }
}

impl fmt::Debug for MqttMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttMessages").field("filter", &self.filter).field("granted", &self.granted).finish()
    }
}
