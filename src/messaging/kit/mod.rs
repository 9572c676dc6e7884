//! The queue kit: what all kinds of queue share, for kinds of an author's own.
//!
//! A kind says where its messages are ([`QueueTransport`]); [`TransportQueue`] makes a [`MessageQueue`](super::MessageQueue) of that: waiting,
//! locks, redelivery, delays, dead letters, listening, opening and closing, counters. With [`QueueKind`] it is a component of manifests.

// The kinds of Wirework itself use the parts below it: `QueueBackend` over `QueueCore` and its store.

mod backend;
mod hop_limit;
mod listening;
mod log_throttle;
mod message_span;
pub(crate) mod options;
mod queue_core;
mod queue_kind;
mod telemetry;
mod transport;
mod transport_options;
mod transport_queue;
mod unconfirmed;

pub(crate) use backend::QueueBackend;
pub(crate) use hop_limit::{HopLimit, MAX_HOPS};
pub(crate) use listening::Listening;
pub(crate) use log_throttle::LogThrottle;
pub(crate) use queue_core::{Metrics, QueueCore};
pub use queue_kind::QueueKind;
pub use telemetry::QueueTelemetry;
pub use transport::{QueueTransport, Received};
pub use transport_options::TransportQueueOptions;
pub use transport_queue::TransportQueue;
pub(crate) use unconfirmed::Unconfirmed;

/// A string that is given; an empty one counts as not given.
pub(crate) fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
