//! The configuration of a bridge.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Invalid, Millis};
use crate::messaging::kit::{HopLimit, MAX_HOPS};

/// The configuration of a [`Bridge`](super::Bridge).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeConfig {
    /// Types of the messages that it takes; `*` stands for any text, such as in `order.*`. Of a queue of raw payloads the type
    /// is the topic, such as `orders/*`. Without any it takes all.
    pub types: Vec<String>,
    /// What becomes of messages of other types: `drop`, which completes them, or `dead_letter`. Default `drop`.
    pub unmatched: Unmatched,
    /// How many messages are on their way at a time; with 1 they keep their order.
    pub concurrency: usize,
    /// How often a message may have been passed on, by bridges and dead letters, before it counts as going in a circle: then it
    /// goes to the source's dead letters, or, where it comes from those, is given up. At least 1.
    pub max_hops: u32,
    /// How long closing waits for messages on their way, half of it for those that are being sent; less where the service has less
    /// time left to stop.
    pub close_timeout: Millis,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        let (types, unmatched) = (Vec::new(), Unmatched::Drop);
        Self { types, unmatched, concurrency: 1, max_hops: MAX_HOPS, close_timeout: Millis::new(10_000) }
    }
}

impl BridgeConfig {
    /// Every value that makes no sense.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let blocked = self.concurrency == 0;
        let blocked = blocked.then(|| Invalid::new("concurrency", "is 0; nothing would go through"));
        blocked.into_iter().chain(HopLimit::invalid(self.max_hops, "max_hops")).collect()
    }
}

/// What becomes of messages that a bridge does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unmatched {
    /// They are completed, and gone.
    Drop,
    /// They go to the source's dead letters.
    DeadLetter,
}
