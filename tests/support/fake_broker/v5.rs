//! MQTT 5, and what a test expects of it packet by packet.

use bytes::{Buf, BytesMut};
use rumqttc::v5::mqttbytes::v5::{
    Codec, ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet,
    PingReq, PingResp, PubAck, PubComp, PubRec, PubRel, Publish, PublishProperties, SubAck, Subscribe,
    SubscribeReasonCode, UnsubAck, UnsubAckReason, Unsubscribe,
};
use rumqttc::v5::mqttbytes::{Error, QoS, qos};
use tokio_util::codec::{Decoder, Encoder};

use super::peer::named;
use super::{Ack, Peer, Plain, Version};

/// The largest packet it takes or sends, in bytes.
const MAX_PACKET: u32 = 16 * 1024 * 1024;

/// MQTT 5.
pub struct V5;

/// rumqttc's codec, which does not know that a DISCONNECT may be two bytes long.
pub struct Codec5(Codec);

impl Decoder for Codec5 {
    type Item = Packet;
    type Error = Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, Error> {
        if bytes.starts_with(&[0xe0, 0]) {
            bytes.advance(2);
            return Ok(Some(Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection))));
        }
        self.0.decode(bytes)
    }
}

impl Encoder<Packet> for Codec5 {
    type Error = Error;

    fn encode(&mut self, packet: Packet, bytes: &mut BytesMut) -> Result<(), Error> {
        self.0.encode(packet, bytes)
    }
}

impl Version for V5 {
    const NAME: &'static str = "5";
    type Packet = Packet;
    type Error = Error;
    type Codec = Codec5;
    type Answer = Answer;

    fn codec() -> Codec5 {
        Codec5(Codec { max_incoming_size: Some(MAX_PACKET), max_outgoing_size: Some(MAX_PACKET) })
    }

    fn packet(answer: Answer) -> Packet {
        answer.0
    }

    fn is_io(error: &Error) -> bool {
        matches!(error, Error::Io(_))
    }

    fn read(packet: Packet) -> Plain {
        match packet {
            Packet::Connect(connect, _, _) => {
                Plain::Connect { client_id: connect.client_id, clean: connect.clean_start }
            }
            Packet::Publish(Publish { dup, qos, retain, topic, pkid, payload, .. }) => {
                let topic = String::from_utf8(topic.to_vec()).expect("topics are UTF-8");
                let (id, qos, identifiers) = (pkid, qos as u8, Vec::new());
                Plain::Publish { id, qos, dup, retain, identifiers, topic, payload }
            }
            Packet::PubAck(ack) => Plain::Ack(Ack::Taken, ack.pkid),
            Packet::PubRec(ack) => Plain::Ack(Ack::Received, ack.pkid),
            Packet::PubRel(ack) => Plain::Ack(Ack::Release, ack.pkid),
            Packet::PubComp(ack) => Plain::Ack(Ack::Complete, ack.pkid),
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.into_iter().map(|filter| (filter.path, filter.qos as u8));
                let identifier = subscribe.properties.and_then(|properties| properties.id);
                Plain::Subscribe { id: subscribe.pkid, identifier, filters: filters.collect() }
            }
            Packet::Unsubscribe(unsubscribe) => {
                Plain::Unsubscribe { id: unsubscribe.pkid, filters: unsubscribe.filters }
            }
            Packet::PingReq(_) => Plain::Ping,
            Packet::Disconnect(_) => Plain::Disconnect,
            other => Plain::Other(format!("{other:?}")),
        }
    }

    fn write(plain: Plain) -> Packet {
        match plain {
            Plain::Welcome { session_present, identifiers } => {
                Packet::ConnAck(welcome(session_present, identifiers))
            }
            Plain::Publish { id, qos: number, dup, retain, identifiers, topic, payload } => {
                let mut publish = Publish::new(topic, qos(number).expect("a QoS"), payload, None);
                (publish.pkid, publish.dup, publish.retain) = (id, dup, retain);
                if !identifiers.is_empty() {
                    let subscription_identifiers = identifiers;
                    publish.properties =
                        Some(PublishProperties { subscription_identifiers, ..PublishProperties::default() });
                }
                Packet::Publish(publish)
            }
            Plain::Ack(Ack::Taken, id) => Packet::PubAck(PubAck::new(id, None)),
            Plain::Ack(Ack::Received, id) => Packet::PubRec(PubRec::new(id, None)),
            Plain::Ack(Ack::Release, id) => Packet::PubRel(PubRel::new(id, None)),
            Plain::Ack(Ack::Complete, id) => Packet::PubComp(PubComp::new(id, None)),
            Plain::Granted { id, codes } => {
                let code = |code| match code {
                    0x80.. => SubscribeReasonCode::Unspecified,
                    number => SubscribeReasonCode::Success(qos(number).expect("a QoS")),
                };
                let return_codes = codes.into_iter().map(code).collect();
                Packet::SubAck(SubAck { pkid: id, return_codes, properties: None })
            }
            Plain::Revoked { id, count } => {
                let reasons = vec![UnsubAckReason::Success; count];
                Packet::UnsubAck(UnsubAck { pkid: id, reasons, properties: None })
            }
            Plain::Ping => Packet::PingReq(PingReq),
            Plain::Pong => Packet::PingResp(PingResp),
            Plain::Disconnect => {
                Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection))
            }
            other => panic!("a broker sends no {other:?}"),
        }
    }
}

fn welcome(session_present: bool, identifiers: bool) -> ConnAck {
    let without = || ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: Some(0),
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    let properties = (!identifiers).then(without);
    ConnAck { session_present, code: ConnectReturnCode::Success, properties }
}

/// One packet kind: waits for it, fails the test with what came instead.
macro_rules! expect_packets {
    ($($name:ident: $packet:ident,)*) => { $(
        pub async fn $name(&mut self) -> $packet {
            match self.next(stringify!($packet)).await {
                Some(Packet::$packet(packet)) => packet,
                other => panic!("expected {}, got {}", stringify!($packet), named(other)),
            }
        }
    )* };
}

impl Peer<V5> {
    expect_packets! {
        expect_publish: Publish,
        expect_puback: PubAck,
        expect_pubrec: PubRec,
        expect_pubrel: PubRel,
        expect_pubcomp: PubComp,
        expect_subscribe: Subscribe,
        expect_unsubscribe: Unsubscribe,
    }

    pub async fn expect_connect(&mut self) -> Connect {
        match self.next("Connect").await {
            Some(Packet::Connect(connect, _, _)) => connect,
            other => panic!("expected Connect, got {}", named(other)),
        }
    }

    /// Takes a SUBSCRIBE and grants what it asks for.
    pub async fn grant(&mut self) -> Subscribe {
        let subscribe = self.expect_subscribe().await;
        let codes = subscribe.filters.iter().map(|filter| filter.qos as u8).collect();
        self.send(V5::write(Plain::Granted { id: subscribe.pkid, codes })).await;
        subscribe
    }

    /// Takes a SUBSCRIBE and answers every filter in it with this code.
    pub async fn refuse(&mut self, code: SubscribeReasonCode) -> Subscribe {
        let subscribe = self.expect_subscribe().await;
        let return_codes = vec![code; subscribe.filters.len()];
        self.send(SubAck { pkid: subscribe.pkid, return_codes, properties: None }).await;
        subscribe
    }
}

/// A PUBLISH as a broker sends it; with QoS 0 the packet id does not count.
pub fn message5(topic: &str, payload: &str, qos: QoS, pkid: u16) -> Publish {
    let mut publish = Publish::new(topic, qos, payload.to_owned(), None);
    publish.pkid = pkid;
    publish
}

/// Anything that can be sent: a packet, or the inside of one.
pub struct Answer(Packet);

macro_rules! answers {
    ($($packet:ident),*) => { $(
        impl From<$packet> for Answer {
            fn from(packet: $packet) -> Self { Self(Packet::$packet(packet)) }
        }
    )* };
}
answers!(ConnAck, Publish, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect);

impl From<Packet> for Answer {
    fn from(packet: Packet) -> Self {
        Self(packet)
    }
}
