//! Messages and acknowledgements of this client, in the terms of no version.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::mqtt::{MessageProperties, QoS};

/// A message that is to be written; the id is 0 at QoS 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound<'a> {
    pub publish: &'a Publish,
    pub id: u16,
    pub dup: bool,
}

/// A message that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// What only MQTT 5 can say.
    pub extra: Option<Arc<Extra>>,
}

/// What a message says that 3.1.1 has no words for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    pub properties: MessageProperties,
    /// When the message expires.
    pub expires: Option<Instant>,
}

/// The four packets that acknowledge publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AckKind {
    /// PUBACK, ends QoS 1.
    Ack,
    /// PUBREC, the first answer at QoS 2.
    Received,
    /// PUBREL, the sender's answer to that.
    Release,
    /// PUBCOMP, ends QoS 2.
    Complete,
}
