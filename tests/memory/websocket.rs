//! Messages in WebSocket frames of every form.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirework::mqtt::{LinkState, MqttConnection};

use super::packet::{Publish, SHAPES, Shape};
use super::support::within;
use super::{BESIDES, LIMIT, MAX_PACKET, Memory, alone, common};

/// How large the WebSocket messages of this broker are that hold several packets.
const MESSAGE: usize = 2 * MAX_PACKET;

/// What a link over WebSocket takes beside the messages of MQTT: what any link does, and the pieces in which frames are read.
const OVER_WEBSOCKET: usize = BESIDES + 256 * 1024;

/// How packets are put into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// A packet a frame.
    Single,
    /// Many packets a frame.
    Full,
    /// The same in fragments of 1000 bytes.
    Fragments,
    /// A message without an end, which comes to bytes that are no packet.
    Endless,
}

const FRAMINGS: [Framing; 4] = [Framing::Single, Framing::Full, Framing::Fragments, Framing::Endless];

/// A frame of a server: not masked.
fn frame(first: u8, payload: &[u8], to: &mut Vec<u8>) {
    to.push(first);
    match payload.len() {
        length @ 0..126 => to.push(length as u8),
        length @ 126..65_536 => {
            to.push(126);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            to.push(127);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(payload);
}

/// The frames of one WebSocket message, or of one that does not end.
fn frames(framing: Framing, publish: &mut Publish) -> Vec<u8> {
    let room = if framing == Framing::Single { publish.size } else { MESSAGE };
    let (mut payload, mut id) = (Vec::new(), 0_u16);
    while payload.len() + publish.size <= room {
        id = id.checked_add(1).unwrap_or(1);
        payload.extend_from_slice(publish.bytes(id));
    }
    let mut bytes = Vec::new();
    match framing {
        Framing::Single | Framing::Full => frame(0x82, &payload, &mut bytes),
        Framing::Fragments | Framing::Endless => {
            let count = payload.chunks(1000).len();
            for (number, part) in payload.chunks(1000).enumerate() {
                let last = number + 1 == count && framing == Framing::Fragments;
                let opcode = if number == 0 { 2 } else { 0 };
                frame(opcode | if last { 0x80 } else { 0 }, part, &mut bytes);
            }
            if framing == Framing::Endless {
                frame(0, &[b'x'; 60_000], &mut bytes);
            }
        }
    }
    bytes
}

/// Takes the next connection up to CONNACK, with a persistent session.
async fn admit(listener: &TcpListener, kept: bool) -> TcpStream {
    let (mut stream, _) = within("a connection", listener.accept()).await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(within("the request", stream.read_u8()).await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
    });
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.unwrap().as_bytes())
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    // All of CONNECT is in one frame of less than 126 bytes.
    let mut head = [0; 2];
    within("CONNECT", stream.read_exact(&mut head)).await.unwrap();
    let mut rest = vec![0; usize::from(head[1] & 0x7f) + 4];
    within("CONNECT", stream.read_exact(&mut rest)).await.unwrap();
    let mut welcome = Vec::new();
    frame(0x82, &[0x20, 3, u8::from(kept), 0, 0], &mut welcome);
    stream.write_all(&welcome).await.unwrap();
    stream
}

/// Sends four times what the client may hold, or until it ends the link.
async fn flood(mut stream: TcpStream, bytes: &[u8]) {
    // Small packets take more in memory than on the wire.
    for _ in 0..(4 * LIMIT / bytes.len()).min(20_000) {
        if stream.write_all(bytes).await.is_err() {
            return;
        }
    }
    // Whatever the client says is of no interest; that it has read everything is.
    if stream.shutdown().await.is_ok() {
        let mut said = vec![0; 16 * 1024];
        while within("the end", stream.read(&mut said)).await.is_ok_and(|count| count > 0) {}
    }
}

async fn prove(framing: Framing, shape: Shape) {
    let what = format!("{} in frames: {framing:?}", shape.name);
    let memory = Memory::begin();
    let bytes = frames(framing, &mut Publish::new(shape, 1, true));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (limit, packet) = (LIMIT.to_string(), MAX_PACKET.to_string());
    let uri = format!("ws://127.0.0.1:{}/mqtt", listener.local_addr().unwrap().port());
    let pairs = [
        ("connection.uri", uri.as_str()),
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.unclaimed_timeout", "0"),
        ("options.protocol_version", "5"),
        ("options.max_incoming_bytes", &limit),
        ("options.max_packet_size", &packet),
        ("options.receive_maximum", "65535"),
        ("options.reconnect_timeout", "10"),
        ("options.close_timeout", "1"),
    ];
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    let context = common::context();
    let memory = memory.anew();
    let (opened, stream) = tokio::join!(connection.open(&context), admit(&listener, false));
    opened.unwrap();
    let client = connection.client().unwrap();
    let mut stream = stream;
    for _ in 0..2 {
        flood(stream, &bytes).await;
        let mut state = client.state();
        let down = state.wait_for(|state| matches!(state, LinkState::Down(_)));
        within("the end of the link", down).await.unwrap();
        stream = admit(&listener, true).await;
    }
    memory.assert_at_most(LIMIT + OVER_WEBSOCKET, &what);
    assert!(framing == Framing::Endless || memory.most() > LIMIT / 8, "{what}: {}", memory.most());
    connection.close(&context).await.unwrap();
    drop(stream);
}

#[test]
fn messages_over_websocket() {
    let named = ["tiny", "small", "large", "40000 user properties"];
    for (row, shape) in SHAPES.into_iter().filter(|shape| named.contains(&shape.name)).enumerate() {
        for (column, framing) in FRAMINGS.into_iter().enumerate() {
            // Each shape with some framings, and each framing with some shapes.
            if std::env::var_os("WIREWORK_EVERY_ATTACK").is_some() || (row + column) % 2 == 0 {
                alone(prove(framing, shape));
            }
        }
    }
}
