//! What the two versions have in common: packets in plain terms, in both directions.

use bytes::Bytes;
use tokio_util::codec::{Decoder, Encoder};

/// A version of MQTT as a broker speaks it.
pub trait Version: Send + Sync + Sized + 'static {
    /// As `options.protocol_version` has it.
    const NAME: &'static str;
    type Packet: std::fmt::Debug + PartialEq + Send;
    type Error: std::error::Error + From<std::io::Error> + Send;
    type Codec: Encoder<Self::Packet, Error = Self::Error>
        + Decoder<Item = Self::Packet, Error = Self::Error>
        + Send
        + Unpin;
    /// Anything that can be sent: a packet, or the inside of one.
    type Answer: From<Self::Packet>;

    fn codec() -> Self::Codec;
    fn packet(answer: Self::Answer) -> Self::Packet;
    /// Whether the codec failed because the stream did.
    fn is_io(error: &Self::Error) -> bool;
    fn read(packet: Self::Packet) -> Plain;
    /// A packet that brokers send.
    fn write(plain: Plain) -> Self::Packet;
}

/// The four packets that acknowledge publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ack {
    /// PUBACK.
    Taken,
    /// PUBREC.
    Received,
    /// PUBREL.
    Release,
    /// PUBCOMP.
    Complete,
}

/// A packet, as far as a broker needs to know it to keep its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    Connect {
        client_id: String,
        clean: bool,
    },
    Welcome {
        session_present: bool,
        /// Whether MQTT 5 subscription identifiers are permitted.
        identifiers: bool,
    },
    Publish {
        id: u16,
        qos: u8,
        dup: bool,
        retain: bool,
        /// The subscriptions that a broker sends it for, in MQTT 5.
        identifiers: Vec<usize>,
        topic: String,
        payload: Bytes,
    },
    Ack(Ack, u16),
    /// A success of these kinds, or 0x80.
    Subscribe {
        id: u16,
        identifier: Option<usize>,
        filters: Vec<(String, u8)>,
    },
    Granted {
        id: u16,
        codes: Vec<u8>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Revoked {
        id: u16,
        count: usize,
    },
    Ping,
    Pong,
    Disconnect,
    /// Nothing that a client sends.
    Other(String),
}
