//! What becomes of an accepted message.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::publish_span::PublishSpan;
use crate::mqtt::MqttError;
use crate::mqtt::driver::Answer;

/// An accepted message. Await it to learn that the broker has acknowledged it (QoS 1 and 2) or that its bytes
/// are written (QoS 0); drop it if that does not matter: the message is sent all the same.
///
/// It has no limit of time of its own; `tokio::time::timeout` gives it one.
#[derive(Debug)]
#[must_use = "await it to learn whether the message arrived, or drop it on purpose"]
pub struct Delivery {
    answer: Answer,
    span: PublishSpan,
}

impl Delivery {
    pub(super) fn new(answer: Answer, span: PublishSpan) -> Self {
        Self { answer, span }
    }

    /// It is not awaited any longer, which is told of as a failure.
    pub(super) fn give_up(&mut self, why: &Result<(), MqttError>) {
        self.span.end(why);
    }
}

/// Ends the span as a success: the message is sent though nobody awaits it, and the span of whoever receives it has this one as its parent.
impl Drop for Delivery {
    fn drop(&mut self) {
        self.span.end(&Ok(()));
    }
}

impl Future for Delivery {
    type Output = Result<(), MqttError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The driver answers everybody before it ends; without an answer it was torn down with the client.
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            let result = match answer {
                Ok(result) => result.map_err(|error| *error),
                Err(_) => Err(MqttError::Closed),
            };
            self.span.end(&result);
            result
        })
    }
}
