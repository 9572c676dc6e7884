//! The seam between the driver and a packet codec: packets in neutral terms.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::codec::{Decoder, Encoder};

use super::{Limits, PacketError};
use crate::config::Secret;
use crate::mqtt::topic::Filter;
use crate::mqtt::{Lost, MessageProperties, MqttMessage, MqttWill, QoS, SubscribeOptions};

/// A version of MQTT, on the codec that speaks it. Nothing here is dynamic: the driver is compiled once a version.
pub(crate) trait Protocol: Send + 'static {
    type Packet: Send;
    type Codec: Encoder<Self::Packet, Error = PacketError>
        + for<'a> Encoder<Outbound<'a>, Error = PacketError>
        + Decoder<Item = Self::Packet, Error = PacketError>
        + Send
        + Unpin;

    /// A codec that takes no packet above the limit in either direction, in bytes, and lets the broker set so many topic
    /// aliases.
    fn codec(max_packet: usize, aliases: u16) -> Self::Codec;
    /// The broker has said welcome: from here on the codec keeps to its limits.
    fn welcomed(codec: &mut Self::Codec, limits: &Limits);
    fn connect(hello: &Hello) -> Self::Packet;
    /// A message as the codec takes it, without a copy or a count of references.
    fn publish(publish: &Publish, id: u16, dup: bool) -> Outbound<'_> {
        Outbound { publish, id, dup }
    }
    /// The size on the wire of a publish, in bytes.
    fn publish_size(publish: &Publish) -> usize;
    /// An acknowledgement; the code is 0, or says what is wrong where the version can say it.
    fn ack(kind: AckKind, id: u16, code: u8) -> Self::Packet;
    /// With the identifier that messages are to bring for these filters, where there is one.
    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], identifier: Option<u32>) -> Self::Packet;
    fn unsubscribe(id: u16, filters: &[Filter]) -> Self::Packet;
    fn ping() -> Self::Packet;
    /// Good-bye, in good order; `forget` has the broker forget the session at once, whatever CONNECT said.
    fn disconnect(forget: bool) -> Self::Packet;
    /// What the broker is told when this side ends the link for that reason, if anything.
    fn complaint(lost: &Lost) -> Option<Self::Packet>;
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
    pub(crate) will: Option<Arc<MqttWill>>,
    /// MQTT 5: how long the session outlives the link, in seconds; the largest number is for ever.
    pub(crate) session_expiry: u32,
    /// MQTT 5: how many messages of QoS 1 and 2 may be on their way to us at a time.
    pub(crate) receive_maximum: u16,
    /// MQTT 5: how many topic aliases the broker may set.
    pub(crate) topic_alias_maximum: u16,
    /// MQTT 5: the largest packet that we take, in bytes.
    pub(crate) max_packet_size: usize,
}

/// A message that is to be written; the id is 0 at QoS 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound<'a> {
    pub(crate) publish: &'a Publish,
    pub(crate) id: u16,
    pub(crate) dup: bool,
}

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// What only MQTT 5 can say.
    pub(crate) extra: Option<Arc<Extra>>,
}

/// What a message says beyond 3.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) properties: MessageProperties,
    /// When it is of no more use.
    pub(crate) expires: Option<Instant>,
}

/// What is known of a message whose payload was thrown away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oversize {
    /// 0 at QoS 0.
    pub(crate) id: u16,
    pub(crate) qos: QoS,
    pub(crate) dup: bool,
    pub(crate) topic: Arc<str>,
    /// The size of the packet, in bytes.
    pub(crate) size: usize,
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

/// What a broker gives as its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: u8,
    /// What the code means, and what the broker says beside it.
    pub(crate) text: Arc<str>,
    /// Where the broker sends us instead.
    pub(crate) server_reference: Option<Arc<str>>,
}

impl Reason {
    /// The broker refused CONNECT for this reason.
    pub fn refused(self) -> Lost {
        let Self { code, text, server_reference } = self;
        Lost::Refused { code, reason: text, server_reference }
    }

    /// The broker sent DISCONNECT for this reason.
    pub fn disconnected(self) -> Lost {
        let Self { code, text, server_reference } = self;
        Lost::Disconnected { code, reason: text, server_reference }
    }
}

/// A received packet, in neutral terms.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// CONNACK that welcomes.
    Welcome {
        session_present: bool,
        limits: Box<Limits>,
    },
    /// CONNACK that refuses.
    Refusal(Reason),
    /// A message; the id is 0 at QoS 0.
    Publish {
        id: u16,
        message: MqttMessage,
        /// The identifiers of the subscriptions that it comes for, where the broker names them.
        subscriptions: Vec<u32>,
    },
    /// A message above `options.max_packet_size` that was read past.
    Oversize(Oversize),
    /// An acknowledgement; the code is below 0x80 unless it refuses.
    Ack {
        kind: AckKind,
        id: u16,
        code: u8,
        /// What the broker says beside it.
        reason: Option<Arc<str>>,
    },
    /// One code a filter, in their order; from 0x80 on they refuse.
    Subscribed {
        id: u16,
        codes: Vec<u8>,
        reason: Option<Arc<str>>,
    },
    /// On MQTT 5 one code a filter.
    Unsubscribed {
        id: u16,
        codes: Vec<u8>,
    },
    Pong,
    /// The broker ends the connection.
    Disconnect(Reason),
    /// AUTH, which belongs to a way of authentication that nobody asked for.
    Authentication,
    /// A packet that only clients send, or that makes no sense.
    Unexpected(&'static str),
}
