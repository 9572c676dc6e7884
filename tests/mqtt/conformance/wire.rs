//! The broker's end of a connection, byte by byte.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirework::mqtt::MqttConnection;

use crate::common::{connection_to, context};
use crate::support::within;

/// CONNACK that welcomes, without a session and, in MQTT 5, without properties.
pub fn welcome(version: &str) -> &'static [u8] {
    if version == "5" { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] }
}

pub struct Site {
    listener: TcpListener,
}

impl Site {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Takes the next connection and its CONNECT.
    pub async fn accept(&self) -> Wire {
        let (stream, _) = within("a connection", self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Wire(stream);
        let connect = wire.packet().await.expect("CONNECT");
        assert_eq!(connect[0], 0x10, "MQTT-3.1.0-1: the first packet is CONNECT");
        wire
    }

    /// The same, welcomed.
    pub async fn admit(&self, version: &str) -> Wire {
        let mut wire = self.accept().await;
        wire.send(welcome(version)).await;
        wire
    }

    /// A connection in this version, with further keys, and its first link. The CONNACK is the test's.
    pub async fn opened_with(
        &self,
        version: &str,
        more: &[(&str, &str)],
        connack: &[u8],
    ) -> (Arc<MqttConnection>, Wire) {
        let connection =
            connection_to(self.port(), &[&[("options.protocol_version", version)], more].concat());
        let context = context();
        let (opened, wire) = tokio::join!(connection.open(&context), async {
            let mut wire = self.accept().await;
            wire.send(connack).await;
            wire
        });
        opened.unwrap();
        (connection, wire)
    }

    pub async fn opened(&self, version: &str, more: &[(&str, &str)]) -> (Arc<MqttConnection>, Wire) {
        self.opened_with(version, more, welcome(version)).await
    }
}

pub struct Wire(TcpStream);

impl Wire {
    /// The next packet with its header; none at the end of the connection.
    pub async fn packet(&mut self) -> Option<Vec<u8>> {
        within("a packet or the end", self.read()).await
    }

    async fn read(&mut self) -> Option<Vec<u8>> {
        let mut packet = vec![self.0.read_u8().await.ok()?];
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.0.read_u8().await.ok()?;
            packet.push(byte);
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        packet.extend(body);
        Some(packet)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        within("the client to read", self.0.write_all(bytes)).await.unwrap();
    }

    /// The client ends the connection. Returns the DISCONNECT before that, if there was one, and nothing else.
    pub async fn end(&mut self) -> Option<Vec<u8>> {
        let disconnect = self.packet().await;
        if let Some(packet) = &disconnect {
            assert_eq!(packet[0], 0xe0, "DISCONNECT or the end, not {packet:02x?}");
            assert_eq!(self.packet().await, None, "MQTT-3.14.4-1: nothing follows DISCONNECT");
        }
        disconnect
    }

    /// Takes a SUBSCRIBE of one filter and grants it. Returns the packet.
    pub async fn grant(&mut self, version: &str, code: u8) -> Vec<u8> {
        let subscribe = self.packet().await.expect("SUBSCRIBE");
        assert_eq!(subscribe[0], 0x82, "SUBSCRIBE and its flags, not {subscribe:02x?}");
        let id = &subscribe[id_at(&subscribe)..][..2];
        let suback = match version {
            "5" => vec![0x90, 4, id[0], id[1], 0, code],
            _ => vec![0x90, 3, id[0], id[1], code],
        };
        self.send(&suback).await;
        subscribe
    }
}

/// Where the packet id of SUBSCRIBE or UNSUBSCRIBE stands.
pub fn id_at(packet: &[u8]) -> usize {
    2 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count()
}
