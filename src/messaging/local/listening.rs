//! Listening: messages go to a receiver, so many at a time, until it is ended.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use super::Local;
use crate::Error;
use crate::component::panic_error;
use crate::messaging::queue::A_WHILE;
use crate::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};

pub(super) async fn listen<Q: Local>(
    queue: &Q,
    receiver: Arc<dyn MessageReceiver>,
    options: ListenOptions,
) -> Result<(), Error> {
    let body = queue.body();
    let mut endings = body.endings();
    body.opened()?;
    let _listener = body.listener();
    let mut ended = pin!(async { endings.changed().await });
    let mut at_work = FuturesUnordered::new();
    let outcome = loop {
        let free = at_work.len() < options.concurrency;
        tokio::select! {
            biased;
            _ = &mut ended => break Ok(()),
            Some(()) = at_work.next(), if !at_work.is_empty() => {}
            received = queue.receive(A_WHILE), if free => match received {
                Ok(Some(envelope)) => at_work.push(handle(queue, &*receiver, envelope)),
                Ok(None) => {}
                // Closing ends listening too.
                Err(_) if !queue.is_open() => break Ok(()),
                Err(error) => break Err(error),
            },
        }
    };
    let rest = async { while at_work.next().await.is_some() {} };
    if timeout(options.grace, rest).await.is_err() {
        let (left, name) = (at_work.len(), &body.name);
        body.logger.warn(format_args!(
            "{left} receivers of the queue `{name}` did not finish; their messages come back when the locks expire"
        ));
    }
    outcome
}

async fn handle<Q: Local>(queue: &Q, receiver: &dyn MessageReceiver, envelope: MessageEnvelope) {
    let body = queue.body();
    let message = envelope.clone();
    let handled =
        AssertUnwindSafe(async move { receiver.receive_message(message, queue).await }).catch_unwind().await;
    let error = match handled {
        Ok(Ok(())) => {
            // Not locked any more: the receiver has settled it, or the lock has expired, which is counted.
            let _ = queue.complete(&envelope).await;
            return;
        }
        Ok(Err(error)) => error,
        Err(panic) => panic_error("the receiver", &*panic),
    };
    body.metrics.failed.one();
    let (id, trace_id) = (&envelope.message_id, envelope.trace_id.as_deref());
    body.logger.log(
        crate::log::Level::Error,
        trace_id,
        Some(&error),
        format_args!("Failed to process the message {id} of the queue `{}`", body.name),
    );
    let _ = queue.abandon(&envelope).await;
}
