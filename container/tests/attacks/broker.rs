//! A broker of bytes: takes one client, and does what a test tells it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How long anything that is awaited may take before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A listener on a port of its own.
pub struct Broker(TcpListener);

impl Broker {
    pub fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Takes a client and its CONNECT, and answers with these bytes.
    pub fn accept(&self, connack: &[u8]) -> Client {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        let mut client = Client(stream);
        assert_eq!(client.next().unwrap().0 >> 4, 1, "CONNECT");
        client.send(connack);
        client
    }

    /// The same for a client that is welcome, in MQTT 3.1.1.
    pub fn accept_client(&self) -> Client {
        self.accept(&[0x20, 2, 0, 0])
    }
}

/// The broker's end of a connection.
pub struct Client(TcpStream);

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// A message at QoS 1.
    pub fn publish(&mut self, id: u16, topic: &str) {
        let mut body = text(topic);
        body.extend(id.to_be_bytes());
        self.send(&packet(0x32, &body));
    }

    /// The first byte and the body of the next packet; none where the client has gone.
    pub fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = [0];
        if self.0.read(&mut byte).unwrap() == 0 {
            return None;
        }
        let (first, mut length, mut shift) = (byte[0], 0, 0);
        loop {
            self.0.read_exact(&mut byte).unwrap();
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Some((first, body))
    }

    /// Waits until the client has acknowledged this packet, and answers its pings.
    pub fn acknowledged(&mut self, id: u16) {
        while let Some((first, body)) = self.next() {
            match first {
                0xc0 => self.send(&[0xd0, 0]),
                0x40 if body == id.to_be_bytes() => return,
                _ => {}
            }
        }
        panic!("the client has gone, and message {id} is not acknowledged");
    }

    /// Waits until the client sends DISCONNECT.
    pub fn disconnected(&mut self) {
        while let Some((first, _)) = self.next() {
            if first == 0xe0 {
                return;
            }
        }
        panic!("the client went without DISCONNECT");
    }
}

/// A text as MQTT writes it.
pub fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

/// A packet with its length.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let more = if length > 0x7f { 0x80 } else { 0 };
        packet.push(u8::try_from(length & 0x7f).unwrap() | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
