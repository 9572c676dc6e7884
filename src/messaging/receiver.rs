//! Who gets the messages of a queue that listens.

use super::{MessageEnvelope, MessageQueue};
use crate::{BoxFuture, Error};

/// Gets messages, as many at a time as `listen` was told.
///
/// A message whose receiver returned `Ok` is completed, unless the receiver has settled it; after an error or a panic it is
/// abandoned, to be delivered again. Closures that take an envelope and return a future are receivers:
///
/// ```
/// use wirework::messaging::{MessageEnvelope, MessageReceiver};
/// fn receiver() -> impl MessageReceiver {
///     |envelope: MessageEnvelope| async move {
///         println!("{envelope}");
///         Ok(())
///     }
/// }
/// # let _ = receiver();
/// ```
pub trait MessageReceiver: Send + Sync + 'static {
    /// Handles one message of `queue`.
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        queue: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>>;
}

impl<F, R> MessageReceiver for F
where
    F: Fn(MessageEnvelope) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        _: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self(envelope))
    }
}
