//! The seam between the driver and a packet codec: packets in neutral terms.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::codec::{Decoder, Encoder};

use crate::config::Secret;
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttMessage, QoS};

/// A version of MQTT, on the codec that speaks it. Nothing here is dynamic: the driver is compiled once a version.
pub(crate) trait Protocol: Send + 'static {
    type Packet: Send;
    type Error: std::error::Error + From<std::io::Error> + Send + Sync + 'static;
    type Codec: Encoder<Self::Packet, Error = Self::Error>
        + Decoder<Item = Self::Packet, Error = Self::Error>
        + Send
        + Unpin;

    /// A codec that refuses packets above the limit in either direction, in bytes.
    fn codec(max_packet: usize) -> Self::Codec;
    fn connect(hello: &Hello) -> Self::Packet;
    fn publish(publish: &Publish, id: u16, dup: bool) -> Self::Packet;
    /// The size on the wire of a publish, in bytes.
    fn publish_size(publish: &Publish) -> usize;
    fn ack(kind: AckKind, id: u16) -> Self::Packet;
    fn subscribe(id: u16, filters: &[(Filter, QoS)]) -> Self::Packet;
    fn unsubscribe(id: u16, filters: &[Filter]) -> Self::Packet;
    fn ping() -> Self::Packet;
    fn disconnect() -> Self::Packet;
    /// What a received packet says; borrows nothing, copies no payload.
    fn read(packet: Self::Packet) -> Incoming;
}

/// What CONNECT says.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) client_id: String,
    pub(crate) clean_session: bool,
    /// In seconds; 0 is off.
    pub(crate) keep_alive: u16,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
}

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
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

/// A received packet, in neutral terms.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// CONNACK that welcomes.
    Welcome {
        session_present: bool,
    },
    /// CONNACK that refuses.
    Refusal {
        code: u8,
        reason: &'static str,
    },
    /// A message; the id is 0 at QoS 0.
    Publish {
        id: u16,
        message: MqttMessage,
    },
    Ack {
        kind: AckKind,
        id: u16,
    },
    /// One code a filter, in their order; from 0x80 on they refuse.
    Subscribed {
        id: u16,
        codes: Vec<u8>,
    },
    Unsubscribed {
        id: u16,
    },
    Pong,
    /// The broker ends the connection.
    Disconnect,
    /// A packet that only clients send.
    Unexpected(&'static str),
}
