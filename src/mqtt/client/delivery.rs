//! What becomes of a message that was accepted.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::mqtt::MqttError;
use crate::mqtt::driver::Answer;

/// An accepted message on its way. Await it to learn that the broker has acknowledged it (QoS 1 and 2) or that its bytes
/// are written (QoS 0); drop it if that does not matter: the message is sent all the same.
///
/// It has no limit of time of its own; `tokio::time::timeout` gives it one.
#[derive(Debug)]
#[must_use = "await it to learn whether the message arrived, or drop it on purpose"]
pub struct Delivery(Answer);

impl Delivery {
    pub(super) fn new(answer: Answer) -> Self {
        Self(answer)
    }
}

impl Future for Delivery {
    type Output = Result<(), MqttError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The driver answers everybody before it ends; without an answer it was torn down with the client.
        Pin::new(&mut self.0).poll(cx).map(|answer| match answer {
            Ok(result) => result.map_err(|error| *error),
            Err(_) => Err(MqttError::Closed),
        })
    }
}
