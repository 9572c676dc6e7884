//! An MQTT 3.1.1 broker that does what a test tells it, packet by packet, over a real TCP socket.
//!
//! It answers nothing by itself but PINGREQ (and that only while the test waits for something else), so a test can
//! delay, leave out, repeat or reorder every answer. A peer that is not asked for its next packet is not read from:
//! that is a half-open link once the buffers are full.
//!
//! ```ignore
//! let broker = FakeBroker::start().await;
//! // … the client under test is told to connect to broker.address() …
//! let (mut peer, connect) = broker.accept_session(false).await;
//! assert_eq!(connect.client_id, "me");
//! let publish = peer.expect_publish().await;
//! peer.send(PubAck::new(publish.pkid)).await;
//! peer.reset();
//! let (mut peer, _) = broker.accept_session(true).await;
//! ```

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
pub use rumqttc::mqttbytes::QoS;
pub use rumqttc::mqttbytes::v4::{
    Codec, ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck,
    Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

use super::within;

/// The largest packet it takes or sends, in bytes.
const MAX_PACKET: usize = 16 * 1024 * 1024;

/// A listener on a port of its own on 127.0.0.1.
pub struct FakeBroker {
    listener: TcpListener,
}

impl FakeBroker {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1") }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener has an address")
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// Takes the next TCP connection; nothing is read from it yet.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = within("a connection", self.listener.accept()).await.expect("a connection");
        stream.set_nodelay(true).expect("no-delay");
        let codec = Codec { max_incoming_size: MAX_PACKET, max_outgoing_size: MAX_PACKET };
        Peer { framed: Framed::new(stream, codec), answer_pings: true, pings: 0 }
    }

    /// Takes the next connection and its CONNECT; CONNACK is up to the test.
    pub async fn accept_connect(&self) -> (Peer, Connect) {
        let mut peer = self.accept().await;
        let connect = peer.expect_connect().await;
        (peer, connect)
    }

    /// Takes the next connection and its CONNECT, and admits it.
    pub async fn accept_session(&self, session_present: bool) -> (Peer, Connect) {
        let (mut peer, connect) = self.accept_connect().await;
        peer.send(ConnAck::new(ConnectReturnCode::Success, session_present)).await;
        (peer, connect)
    }
}

/// The broker's end of one connection.
pub struct Peer {
    framed: Framed<TcpStream, Codec>,
    /// Whether PINGREQ is answered while something else is awaited; true at first. Otherwise it is a packet like others.
    pub answer_pings: bool,
    /// How many PINGREQ were answered.
    pub pings: usize,
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

fn named(packet: Option<Packet>) -> String {
    packet.map_or_else(|| "the end of the connection".to_owned(), |packet| format!("{packet:?}"))
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

    /// The next packet, `None` when the client has closed or reset the connection. `what` is what the test hopes for.
    pub async fn next(&mut self, what: &str) -> Option<Packet> {
        loop {
            match within(what, self.framed.next()).await {
                Some(Ok(Packet::PingReq)) if self.answer_pings => {
                    self.pings += 1;
                    self.send(Packet::PingResp).await;
                }
                Some(Ok(packet)) => return Some(packet),
                Some(Err(rumqttc::mqttbytes::Error::Io(_))) | None => return None,
                Some(Err(error)) => panic!("expected {what}, got what is no packet: {error}"),
            }
        }
    }

    pub async fn expect_pingreq(&mut self) {
        let answer_pings = std::mem::replace(&mut self.answer_pings, false);
        let packet = self.next("PingReq").await;
        self.answer_pings = answer_pings;
        assert!(packet == Some(Packet::PingReq), "expected PingReq, got {}", named(packet));
    }

    pub async fn expect_disconnect(&mut self) {
        let packet = self.next("Disconnect").await;
        assert!(packet == Some(Packet::Disconnect), "expected Disconnect, got {}", named(packet));
    }

    /// The client ends the connection, with or without DISCONNECT before.
    pub async fn expect_end(&mut self) {
        let mut packet = self.next("the end of the connection").await;
        if packet == Some(Packet::Disconnect) {
            packet = self.next("the end of the connection").await;
        }
        assert!(packet.is_none(), "expected the end of the connection, got {}", named(packet));
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

    pub async fn send(&mut self, packet: impl Into<Answer>) {
        let sent = self.framed.send(packet.into().0);
        within("the client to read", sent).await.expect("the connection is open");
    }

    /// Sends bytes that need not be packets: garbage, a part of one, a code the codec does not know.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let sent = self.framed.get_mut().write_all(bytes);
        within("the client to read", sent).await.expect("the connection is open");
    }

    /// Ends the connection in good order (FIN) where everything sent has arrived before.
    pub async fn finish(mut self) {
        self.framed.get_mut().shutdown().await.expect("the connection is open");
    }

    /// Breaks the connection (RST); what was sent may be lost.
    pub fn reset(self) {
        self.framed.get_ref().set_zero_linger().expect("a TCP socket lingers");
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
