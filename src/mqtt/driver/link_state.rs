//! The state of the link, as users of the connection see it.

use std::fmt;
use std::sync::Arc;

use crate::error::chain;
use crate::mqtt::{LinkError, MqttError};
use crate::text::clip;

/// The state of the link to the broker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkState {
    /// `open` has not been answered yet.
    Connecting,
    /// The broker has accepted the client and has all its subscriptions, but for those that are missing.
    Up {
        /// The broker's address, without credentials.
        endpoint: Arc<str>,
        /// Whether the broker still had the session.
        session_present: bool,
        /// Filters that were granted before and are not granted now, since the broker refuses them or ends links for them, in
        /// alphabetical order. They are requested again after growing waits.
        missing: Arc<[Arc<str>]>,
    },
    /// The link broke and is being set up again.
    Down(LinkError),
    /// The link is gone for good.
    Failed(MqttError),
    /// The connection was closed.
    Closed(Remaining),
}

/// One line for people.
impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Up { endpoint, missing, .. } => {
                write!(f, "up at {}", clip(endpoint))?;
                match missing.len() {
                    0 => Ok(()),
                    1 => f.write_str(", without 1 filter that the broker does not grant"),
                    count => write!(f, ", without {count} filters that the broker does not grant"),
                }
            }
            Self::Down(lost) => write!(f, "down: {}", chain(lost)),
            Self::Failed(error) => write!(f, "failed: {}", chain(error)),
            Self::Closed(remaining) if remaining.is_nothing() => f.write_str("closed"),
            Self::Closed(remaining) => write!(f, "closed with {remaining}"),
        }
    }
}

/// What was left when a connection closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// Publishes that were accepted and not acknowledged; they have failed.
    pub publishes: usize,
    /// Received messages that no listener had finished; on a persistent session the broker sends those of QoS 1 and 2 again.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_a_line() {
        let up = |missing: &[&str]| LinkState::Up {
            endpoint: "mqtt://h:1883".into(),
            session_present: true,
            missing: missing.iter().map(|name| Arc::from(*name)).collect(),
        };
        let left = Remaining { publishes: 2, messages: 0, filters: 1 };
        let shown = [
            LinkState::Connecting,
            up(&[]),
            up(&["a"]),
            up(&["a", "b"]),
            LinkState::Down(LinkError::Ended),
            LinkState::Failed(MqttError::Down(LinkError::Ended)),
            LinkState::Closed(Remaining::default()),
            LinkState::Closed(left),
        ]
        .map(|state| state.to_string());
        assert_eq!(
            shown,
            [
                "connecting",
                "up at mqtt://h:1883",
                "up at mqtt://h:1883, without 1 filter that the broker does not grant",
                "up at mqtt://h:1883, without 2 filters that the broker does not grant",
                "down: the broker closed the connection",
                "failed: the link to the MQTT broker is down: the broker closed the connection",
                "closed",
                "closed with 2 publishes not acknowledged, 0 messages not handled, 1 filters not taken back",
            ]
        );
    }
}
