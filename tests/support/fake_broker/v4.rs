//! MQTT 3.1.1, and what a test expects of it packet by packet.

use rumqttc::mqttbytes::v4::{
    Codec, ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck,
    Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe,
};
use rumqttc::mqttbytes::{Error, QoS};

use super::peer::named;
use super::{Ack, Peer, Plain, Version};

/// The largest packet it takes or sends, in bytes.
const MAX_PACKET: usize = 16 * 1024 * 1024;

/// MQTT 3.1.1.
pub struct V4;

impl Version for V4 {
    const NAME: &'static str = "3.1.1";
    type Packet = Packet;
    type Error = Error;
    type Codec = Codec;
    type Answer = Answer;

    fn codec() -> Codec {
        Codec { max_incoming_size: MAX_PACKET, max_outgoing_size: MAX_PACKET }
    }

    fn packet(answer: Answer) -> Packet {
        answer.0
    }

    fn is_io(error: &Error) -> bool {
        matches!(error, Error::Io(_))
    }

    fn read(packet: Packet) -> Plain {
        match packet {
            Packet::Connect(connect) => {
                Plain::Connect { client_id: connect.client_id, clean: connect.clean_session }
            }
            Packet::Publish(Publish { dup, qos, retain, topic, pkid, payload }) => {
                let (id, qos, identifiers) = (pkid, qos as u8, Vec::new());
                Plain::Publish { id, qos, dup, retain, identifiers, topic, payload }
            }
            Packet::PubAck(ack) => Plain::Ack(Ack::Taken, ack.pkid),
            Packet::PubRec(ack) => Plain::Ack(Ack::Received, ack.pkid),
            Packet::PubRel(ack) => Plain::Ack(Ack::Release, ack.pkid),
            Packet::PubComp(ack) => Plain::Ack(Ack::Complete, ack.pkid),
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.into_iter().map(|filter| (filter.path, filter.qos as u8));
                Plain::Subscribe { id: subscribe.pkid, identifier: None, filters: filters.collect() }
            }
            Packet::Unsubscribe(unsubscribe) => {
                Plain::Unsubscribe { id: unsubscribe.pkid, filters: unsubscribe.topics }
            }
            Packet::PingReq => Plain::Ping,
            Packet::Disconnect => Plain::Disconnect,
            other => Plain::Other(format!("{other:?}")),
        }
    }

    fn write(plain: Plain) -> Packet {
        match plain {
            Plain::Welcome { session_present, .. } => {
                Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, session_present))
            }
            Plain::Publish { id, qos, dup, retain, topic, payload, .. } => {
                let mut publish = Publish::new(topic, wire(qos), payload);
                (publish.pkid, publish.dup, publish.retain) = (id, dup, retain);
                Packet::Publish(publish)
            }
            Plain::Ack(Ack::Taken, id) => Packet::PubAck(PubAck::new(id)),
            Plain::Ack(Ack::Received, id) => Packet::PubRec(PubRec::new(id)),
            Plain::Ack(Ack::Release, id) => Packet::PubRel(PubRel::new(id)),
            Plain::Ack(Ack::Complete, id) => Packet::PubComp(PubComp::new(id)),
            Plain::Granted { id, codes } => {
                let code = |code| match code {
                    0x80.. => SubscribeReasonCode::Failure,
                    qos => SubscribeReasonCode::Success(wire(qos)),
                };
                Packet::SubAck(SubAck::new(id, codes.into_iter().map(code).collect()))
            }
            Plain::Revoked { id, .. } => Packet::UnsubAck(UnsubAck::new(id)),
            Plain::Ping => Packet::PingReq,
            Plain::Pong => Packet::PingResp,
            Plain::Disconnect => Packet::Disconnect,
            other => panic!("a broker sends no {other:?}"),
        }
    }
}

fn wire(qos: u8) -> QoS {
    rumqttc::mqttbytes::qos(qos).expect("a QoS")
}

/// One packet kind: waits for it, fails the test with what came instead.
macro_rules! expect_packets {
    ($($(#[$doc:meta])* $name:ident: $packet:ident,)*) => { $(
        $(#[$doc])*
        pub async fn $name(&mut self) -> $packet {
            match self.next(stringify!($packet)).await {
                Some(Packet::$packet(packet)) => packet,
                other => panic!("expected {}, got {}", stringify!($packet), named(other)),
            }
        }
    )* };
}

impl Peer {
    expect_packets! {
        expect_connect: Connect,
        expect_publish: Publish,
        expect_puback: PubAck,
        expect_pubrec: PubRec,
        expect_pubrel: PubRel,
        expect_pubcomp: PubComp,
        expect_subscribe: Subscribe,
        expect_unsubscribe: Unsubscribe,
    }

    /// Takes a SUBSCRIBE and grants what it asks for.
    pub async fn grant(&mut self) -> Subscribe {
        let subscribe = self.expect_subscribe().await;
        let codes = subscribe.filters.iter().map(|filter| SubscribeReasonCode::Success(filter.qos)).collect();
        self.send(SubAck::new(subscribe.pkid, codes)).await;
        subscribe
    }

    /// Takes a SUBSCRIBE and refuses every filter in it, with 0x80.
    pub async fn refuse(&mut self) -> Subscribe {
        let subscribe = self.expect_subscribe().await;
        let codes = vec![SubscribeReasonCode::Failure; subscribe.filters.len()];
        self.send(SubAck::new(subscribe.pkid, codes)).await;
        subscribe
    }
}

/// A PUBLISH as a broker sends it; with QoS 0 the packet id does not count.
pub fn message(topic: &str, payload: &str, qos: QoS, pkid: u16) -> Publish {
    let mut publish = Publish::new(topic, qos, payload);
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
answers!(ConnAck, Publish, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck);

impl From<Packet> for Answer {
    fn from(packet: Packet) -> Self {
        Self(packet)
    }
}
