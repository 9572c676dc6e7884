//! The queue kit: what all queues of this process share, which is a store, listening, opening and closing. A kind of queue adds
//! how messages are sent and where dead letters go ([`QueueBackend`]).

mod backend;
mod hop_limit;
mod listening;
mod log_throttle;
pub(crate) mod options;
mod queue_core;
mod unconfirmed;

pub(crate) use backend::QueueBackend;
pub(crate) use hop_limit::{HopLimit, MAX_HOPS};
pub(crate) use listening::Listening;
pub(crate) use log_throttle::LogThrottle;
pub(crate) use queue_core::{Metrics, QueueCore};
pub(crate) use unconfirmed::Unconfirmed;

/// A string that is given; an empty one counts as not given.
pub(crate) fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
