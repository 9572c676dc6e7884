//! A server that admits everybody and acknowledges everything at once; it keeps nothing and counts messages.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub struct Acker {
    pub port: u16,
    messages: Arc<AtomicU32>,
}

impl Acker {
    /// On threads of its own, until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("it is bound").port();
        let messages = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&messages);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || serve(stream.expect("a connection"), &counter));
            }
        });
        Self { port, messages }
    }

    pub fn forget(&self) {
        self.messages.store(0, Ordering::Release);
    }

    pub async fn wait_for(&self, count: u32) {
        while self.messages.load(Ordering::Acquire) < count {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }
}

fn serve(mut stream: TcpStream, messages: &AtomicU32) {
    stream.set_nodelay(true).expect("no-delay");
    let (mut buffer, mut filled) = (vec![0_u8; 256 * 1024], 0);
    let mut answers = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer[filled..]) {
        filled += count;
        let (mut at, mut read) = (0, 0);
        while let Some(length) = whole(&buffer[at..filled]) {
            read += answer(&buffer[at..at + length], &mut answers);
            at += length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        messages.fetch_add(read, Ordering::Release);
        if stream.write_all(&answers).is_err() {
            return;
        }
        answers.clear();
    }
}

/// The length of the packet that begins here, where all of it is there.
pub fn whole(bytes: &[u8]) -> Option<usize> {
    let mut rest = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        rest |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let length = 2 + index + rest;
            return (length <= bytes.len()).then_some(length);
        }
    }
    None
}

/// Where what follows the length begins.
fn after_length(packet: &[u8]) -> usize {
    1 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1
}

/// The packet id of a PUBLISH of QoS 1 or 2, where it has one.
pub fn packet_id(packet: &[u8]) -> Option<[u8; 2]> {
    if packet[0] & 0x06 == 0 {
        return None;
    }
    let head = after_length(packet);
    let id = head + 2 + usize::from(u16::from_be_bytes([packet[head], packet[head + 1]]));
    Some([packet[id], packet[id + 1]])
}

/// What a server says to a packet; how many messages that was.
pub fn answer(packet: &[u8], answers: &mut Vec<u8>) -> u32 {
    match packet[0] >> 4 {
        // CONNECT has the version behind the name of the protocol; in MQTT 5 there are properties.
        1 if packet.get(after_length(packet) + 6) == Some(&5) => {
            answers.extend_from_slice(&[0x20, 3, 0, 0, 0]);
        }
        1 => answers.extend_from_slice(&[0x20, 2, 0, 0]),
        3 => {
            if let Some([high, low]) = packet_id(packet) {
                answers.extend_from_slice(&[0x40, 2, high, low]);
            }
            return 1;
        }
        12 => answers.extend_from_slice(&[0xd0, 0]),
        _ => {}
    }
    0
}
