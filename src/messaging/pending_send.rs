//! A message that a queue has accepted and not yet confirmed.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::Fuse;

use crate::{BoxFuture, Error};

/// A message that was handed over with [`MessageQueue::submit`](super::MessageQueue::submit). It resolves when the queue has
/// the message, or with why it has not.
///
/// It has no limit of time. Awaited through a reference under a `tokio::time::timeout`, it may be awaited again after that:
/// the queue still holds the message, and to submit it again would send a second copy. Dropped, the message is sent all the
/// same. After it has resolved it stays pending.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use wirework::component::Context;
/// use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue};
///
/// let queue = MemoryMessageQueue::new("orders");
/// let context = Context::standalone("pip-services:message-queue:memory:orders:1.0".parse()?);
/// queue.open(&context).await?;
/// let mut pending = queue.submit(MessageEnvelope::new("order.created", "ABC")).await?;
/// loop {
///     match tokio::time::timeout(Duration::from_secs(30), &mut pending).await {
///         Ok(sent) => break sent?,
///         Err(_) => println!("not confirmed yet"),
///     }
/// }
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
#[must_use = "await it to learn whether the queue has the message, or drop it on purpose"]
pub struct PendingSend(Fuse<BoxFuture<'static, Result<(), Error>>>);

impl PendingSend {
    /// One that resolves as this future does, which must not need the queue to be polled.
    pub fn new(confirmed: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        let confirmed: BoxFuture<'static, _> = Box::pin(confirmed);
        Self(confirmed.fuse())
    }

    /// One whose message the queue has.
    pub fn confirmed() -> Self {
        Self::new(std::future::ready(Ok(())))
    }
}

impl Future for PendingSend {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

impl fmt::Debug for PendingSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSend").finish_non_exhaustive()
    }
}
