//! The listener, and the broker's end of each connection.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

use super::super::within;
use super::{Plain, V4, V5, Version};

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
        self.accept_as::<V4>().await
    }

    /// The same for a client that speaks this version.
    pub async fn accept_as<V: Version>(&self) -> Peer<V> {
        let (stream, _) = within("a connection", self.listener.accept()).await.expect("a connection");
        stream.set_nodelay(true).expect("no-delay");
        Peer { framed: Framed::new(stream, V::codec()), answer_pings: true, pings: 0 }
    }

    /// Takes the next connection and its CONNECT; CONNACK is up to the test.
    pub async fn accept_connect(&self) -> (Peer, v4::Connect) {
        let mut peer = self.accept().await;
        let connect = peer.expect_connect().await;
        (peer, connect)
    }

    /// Takes the next connection and its CONNECT, and admits it.
    pub async fn accept_session(&self, session_present: bool) -> (Peer, v4::Connect) {
        let (mut peer, connect) = self.accept_connect().await;
        peer.send(v4::ConnAck::new(v4::ConnectReturnCode::Success, session_present)).await;
        (peer, connect)
    }

    /// [`FakeBroker::accept_connect`] in MQTT 5; the will and the login come in the packet.
    pub async fn accept_connect5(&self) -> (Peer<V5>, v5::Connect) {
        let mut peer = self.accept_as::<V5>().await;
        let connect = peer.expect_connect().await;
        (peer, connect)
    }

    /// [`FakeBroker::accept_session`] in MQTT 5, without properties.
    pub async fn accept_session5(&self, session_present: bool) -> (Peer<V5>, v5::Connect) {
        let (mut peer, connect) = self.accept_connect5().await;
        peer.send(V5::write(Plain::Welcome { session_present, identifiers: true })).await;
        (peer, connect)
    }
}

/// The broker's end of one connection.
pub struct Peer<V: Version = V4> {
    framed: Framed<TcpStream, V::Codec>,
    /// Whether PINGREQ is answered while something else is awaited; true at first. Otherwise it is a packet like others.
    pub answer_pings: bool,
    /// How many PINGREQ were answered.
    pub pings: usize,
}

pub(super) fn named<P: std::fmt::Debug>(packet: Option<P>) -> String {
    packet.map_or_else(|| "the end of the connection".to_owned(), |packet| format!("{packet:?}"))
}

impl<V: Version> Peer<V> {
    /// The next packet, `None` when the client has closed or reset the connection. `what` is what the test hopes for.
    pub async fn next(&mut self, what: &str) -> Option<V::Packet> {
        let ping = V::write(Plain::Ping);
        loop {
            match within(what, self.framed.next()).await {
                Some(Ok(packet)) if packet == ping && self.answer_pings => {
                    self.pings += 1;
                    self.send(V::write(Plain::Pong)).await;
                }
                Some(Ok(packet)) => return Some(packet),
                Some(Err(error)) if V::is_io(&error) => return None,
                None => return None,
                Some(Err(error)) => panic!("expected {what}, got what is no packet: {error}"),
            }
        }
    }

    pub async fn expect_pingreq(&mut self) {
        let answer_pings = std::mem::replace(&mut self.answer_pings, false);
        let packet = self.next("PingReq").await;
        self.answer_pings = answer_pings;
        assert!(packet == Some(V::write(Plain::Ping)), "expected PingReq, got {}", named(packet));
    }

    pub async fn expect_disconnect(&mut self) {
        let packet = self.next("Disconnect").await.map(V::read);
        assert!(packet == Some(Plain::Disconnect), "expected Disconnect, got {}", named(packet));
    }

    /// The client ends the connection, with or without DISCONNECT before.
    pub async fn expect_end(&mut self) {
        let mut packet = self.next("the end of the connection").await.map(V::read);
        if packet == Some(Plain::Disconnect) {
            packet = self.next("the end of the connection").await.map(V::read);
        }
        assert!(packet.is_none(), "expected the end of the connection, got {}", named(packet));
    }

    pub async fn send(&mut self, packet: impl Into<V::Answer>) {
        let sent = self.framed.send(V::packet(packet.into()));
        within("the client to read", sent).await.expect("the connection is open");
    }

    /// Sends bytes that need not be packets: garbage, a part of one, a code the codec does not know.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let sent = self.framed.get_mut().write_all(bytes);
        within("the client to read", sent).await.expect("the connection is open");
    }

    /// The same to a client that may end the connection meanwhile; false where it has.
    pub async fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        within("the client to read", self.framed.get_mut().write_all(bytes)).await.is_ok()
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
