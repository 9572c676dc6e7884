//! What the driver needs of a version of the protocol.

use std::sync::Arc;

use tokio_util::codec::{Decoder, Encoder};

use super::PacketError;
use super::incoming::Incoming;
use super::limits::Limits;
use super::outgoing::{AckKind, Outbound, Publish};
use crate::config::Secret;
use crate::mqtt::topic::Filter;
use crate::mqtt::{LinkError, MqttWill, SubscribeOptions};

/// A version of MQTT with its codec. Nothing here is dynamic: the driver is compiled once for each version.
pub(crate) trait Protocol: Send + 'static {
    type Packet: Send;
    type Codec: Encoder<Self::Packet, Error = PacketError>
        + for<'a> Encoder<Outbound<'a>, Error = PacketError>
        + Decoder<Item = Self::Packet, Error = PacketError>
        + Send
        + Unpin;

    /// Returns a codec that takes no packet above the limit in either direction, in bytes, and lets the broker set this many
    /// topic aliases.
    fn codec(max_packet: usize, aliases: u16) -> Self::Codec;
    /// CONNACK has come: from here on the codec keeps to the limits of the broker.
    fn accepted(codec: &mut Self::Codec, limits: &Limits);
    fn connect(connect: &ConnectPacket) -> Self::Packet;
    /// Returns a message as the codec takes it, without a copy or a count of references.
    fn publish(publish: &Publish, id: u16, dup: bool) -> Outbound<'_> {
        Outbound { publish, id, dup }
    }
    /// The size on the wire of a publish, in bytes.
    fn publish_size(publish: &Publish) -> usize;
    /// Returns an acknowledgement; the code is 0, or says what is wrong where the version can say it.
    fn ack(kind: AckKind, id: u16, code: u8) -> Self::Packet;
    /// `identifier` is what messages for these filters are to bring, where there is one.
    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], identifier: Option<u32>) -> Self::Packet;
    fn unsubscribe(id: u16, filters: &[Filter]) -> Self::Packet;
    fn ping() -> Self::Packet;
    /// Ends the link in good order; `forget` has the broker forget the session at once, whatever CONNECT said.
    fn disconnect(forget: bool) -> Self::Packet;
    /// Returns the DISCONNECT that tells the broker why this side ends the link, where the version has one.
    fn disconnect_for(lost: &LinkError) -> Option<Self::Packet>;
    /// Returns what a received packet says; copies no payload.
    fn read(packet: Self::Packet) -> Incoming;
}

/// CONNECT.
#[derive(Clone, Debug)]
pub(crate) struct ConnectPacket {
    pub client_id: String,
    pub clean_session: bool,
    /// In seconds; 0 is off.
    pub keep_alive: u16,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub will: Option<Arc<MqttWill>>,
    /// MQTT 5: how long the session outlives the link, in seconds; the largest number is for ever.
    pub session_expiry: u32,
    /// MQTT 5: how many messages of QoS 1 and 2 may be on their way to this client at a time.
    pub receive_maximum: u16,
    /// MQTT 5: how many topic aliases the broker may set.
    pub topic_alias_maximum: u16,
    /// MQTT 5: the largest packet that this client takes, in bytes.
    pub max_packet_size: usize,
}
