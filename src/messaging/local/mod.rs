//! What the queues of this process have in common: a shelf, listening, opening and closing. A kind of queue brings how
//! messages are sent and where the dead ones go.

mod body;
mod burst;
mod hop_limit;
mod listening;
mod metrics;
mod queue;
mod unconfirmed;

pub(crate) use body::Body;
pub(crate) use burst::Burst;
pub(crate) use hop_limit::{HopLimit, MAX_HOPS};
pub(crate) use listening::Listening;
pub(crate) use metrics::Metrics;
pub(crate) use queue::{Local, sweep};
pub(crate) use unconfirmed::Unconfirmed;

/// What says something; an empty text is as good as none.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
