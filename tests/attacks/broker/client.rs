//! A client that sends what it likes, byte by byte, in MQTT 5 or 3.1.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before a test fails.
pub const LIMIT: Duration = Duration::from_secs(60);

pub struct Client(TcpStream);

/// A packet as it came: its first byte, and what follows its length.
pub type Packet = (u8, Vec<u8>);

impl Client {
    /// A connection that has sent nothing.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A client of MQTT 5 with a clean session and no keep-alive.
    pub fn connect(address: SocketAddr, id: &str) -> Self {
        let mut client = Self::open(address);
        client.send(&connect(5, id, None));
        assert_eq!(client.reason_of_connack(), Some(0));
        client
    }

    /// Sends; false where the broker has ended the connection.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// The next packet; `None` where the broker has ended the connection.
    pub fn receive(&mut self) -> Option<Packet> {
        let mut first = [0];
        self.read(&mut first)?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let mut digit = [0];
            self.read(&mut digit)?;
            length |= usize::from(digit[0] & 0x7f) << shift;
            shift += 7;
            if digit[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.read(&mut body)?;
        Some((first[0], body))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.0.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("waited {LIMIT:?} for the broker")
            }
            Err(_) => None,
        }
    }

    /// The next packet of a type, given by the upper half of its first byte.
    pub fn receive_kind(&mut self, kind: u8) -> Option<Vec<u8>> {
        loop {
            let (first, body) = self.receive()?;
            if first >> 4 == kind {
                return Some(body);
            }
        }
    }

    /// The reason of the CONNACK; `None` where there was none.
    pub fn reason_of_connack(&mut self) -> Option<u8> {
        self.receive_kind(2).map(|body| body[1])
    }

    /// Subscribes at QoS 1, and returns the reason codes.
    pub fn subscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let mut body = vec![0, 1, 0];
        for filter in filters {
            text(&mut body, filter);
            body.push(1);
        }
        self.send(&packet(0x82, &body));
        let body = self.receive_kind(9).expect("SUBACK");
        // Behind the identifier are properties of less than 128 bytes.
        body[3 + usize::from(body[2])..].to_vec()
    }

    /// Whether the broker still answers.
    pub fn answers(&mut self) -> bool {
        self.send(&[0xc0, 0]) && self.receive_kind(13).is_some()
    }

    /// The reason of the DISCONNECT with which the broker ends the connection; `None` where it comes without one.
    pub fn reason_of_end(&mut self) -> Option<u8> {
        let mut reason = None;
        while let Some((first, body)) = self.receive() {
            if first == 0xe0 {
                reason = body.first().copied();
            }
        }
        reason
    }
}

/// A packet with this first byte.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut left) = (vec![first], body.len());
    loop {
        let digit = u8::try_from(left & 0x7f).unwrap();
        left >>= 7;
        packet.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// A CONNECT of this version, for a clean session.
pub fn connect(version: u8, id: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([version, if login.is_some() { 0xc2 } else { 2 }, 0, 0]);
    if version == 5 {
        body.push(0);
    }
    text(&mut body, id);
    if let Some((user, password)) = login {
        text(&mut body, user);
        text(&mut body, password);
    }
    packet(0x10, &body)
}

/// A CONNECT of MQTT 5 for a session that stays for an hour.
pub fn connect_to_stay(id: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([5, 0, 0, 0, 5, 0x11, 0, 0, 0x0e, 0x10]);
    text(&mut body, id);
    packet(0x10, &body)
}

/// A CONNECT of MQTT 5 with a will of QoS 1.
pub fn connect_with_will(id: &str, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([5, 0x0e, 0, 0, 0]);
    text(&mut body, id);
    body.push(0);
    text(&mut body, topic);
    body.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    body.extend(payload);
    packet(0x10, &body)
}

/// A PUBLISH of MQTT 5, with these flags.
pub fn publish(flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if flags & 6 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.push(0);
    body.extend(payload);
    packet(0x30 | flags, &body)
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    body.extend(text.as_bytes());
}
