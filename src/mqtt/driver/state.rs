//! What others may know of the link.

use std::fmt;
use std::sync::Arc;

use crate::mqtt::{Lost, MqttError};

/// The state of the link to the broker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkState {
    /// `open` has not been answered yet.
    Connecting,
    /// The broker has welcomed the client and has all its subscriptions, but for those that are missing.
    Up {
        /// The broker's address, without credentials.
        endpoint: Arc<str>,
        /// Whether the broker still had the session.
        session_present: bool,
        /// Filters that were granted before and are not granted now, since the broker refuses them or ends links for them, in
        /// alphabetical order. They are asked for again by and by.
        missing: Arc<[Arc<str>]>,
    },
    /// The link broke and is being set up again.
    Down(Lost),
    /// The link is gone for good.
    Failed(MqttError),
    /// The connection was closed.
    Closed(Remaining),
}

/// What was left when a connection closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// Publishes that were accepted and not acknowledged; they have failed.
    pub publishes: usize,
    /// Received messages that no listener had finished; on a kept session the broker sends those of QoS 1 and 2 again.
    pub messages: usize,
    /// Filters that were unsubscribed from and that a broker which keeps the session may not have taken back.
    pub filters: usize,
}

impl Remaining {
    /// Whether nothing was left.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.publishes == 0 && self.messages == 0 && self.filters == 0
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { publishes, messages, filters } = self;
        write!(f, "{publishes} publishes not acknowledged, {messages} messages not handled")?;
        if *filters > 0 { write!(f, ", {filters} filters not taken back") } else { Ok(()) }
    }
}
