//! The packets of MQTT 5 with all that they can carry, and refusals, each cut at every byte: what came in part is nothing,
//! and on the next link everything is as if it had never come.

use std::sync::Arc;

use tokio::task::JoinSet;
use wirework::Error;
use wirework::mqtt::{MqttConnection, PublishOptions, QoS, SubscribeOptions};

use crate::common::{connection, context, listener};
use crate::support::fake_broker::{FakeBroker, Peer, V5};

const WORDS: &str = "no more for ann today";

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn number(id: u8, value: &[u8]) -> Vec<u8> {
    [&[id], value].concat()
}

/// Properties with their length before them.
fn properties(all: &[Vec<u8>]) -> Vec<u8> {
    length(all.concat())
}

/// A variable byte integer before what it counts.
fn length(counted: Vec<u8>) -> Vec<u8> {
    let (mut rest, mut bytes) = (counted.len(), Vec::new());
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    [bytes, counted].concat()
}

fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    [vec![first], length(parts.concat())].concat()
}

fn user() -> Vec<u8> {
    [vec![0x26], text("team"), text("grün")].concat()
}

/// Reason string and user property.
fn reasons() -> Vec<u8> {
    properties(&[[vec![0x1f], text(WORDS)].concat(), user(), user()])
}

fn welcome(session_present: bool) -> Vec<u8> {
    let properties = properties(&[
        number(0x11, &600_u32.to_be_bytes()),
        number(0x21, &10_u16.to_be_bytes()),
        number(0x25, &[1]),
        number(0x27, &1000_u32.to_be_bytes()),
        number(0x22, &4_u16.to_be_bytes()),
        [vec![0x1f], text("welcome")].concat(),
        user(),
        number(0x28, &[1]),
        number(0x29, &[1]),
        number(0x2a, &[1]),
        number(0x13, &30_u16.to_be_bytes()),
    ]);
    packet(0x20, &[&[u8::from(session_present), 0], &properties])
}

fn message(dup: bool) -> Vec<u8> {
    let properties = properties(&[
        number(0x01, &[1]),
        number(0x02, &600_u32.to_be_bytes()),
        [vec![0x08], text("answers/here")].concat(),
        [vec![0x09], text("correlated")].concat(),
        user(),
        [vec![0x03], text("text/plain")].concat(),
    ]);
    packet(0x32 | u8::from(dup) << 3, &[&text("in/x"), &7_u16.to_be_bytes(), &properties, b"whole"])
}

/// PUBACK, PUBREC, SUBACK or UNSUBACK that refuses: the code stands before the properties, or behind them.
fn refusal(first: u8, id: u16) -> Vec<u8> {
    // UNSUBACK knows no exceeded quota.
    let (code, id) = ([if first == 0xb0 { 0x87 } else { 0x97 }], id.to_be_bytes());
    match first {
        0x40 | 0x50 => packet(first, &[&id, &code, &reasons()]),
        _ => packet(first, &[&id, &reasons(), &code]),
    }
}

fn farewell() -> Vec<u8> {
    packet(0xe0, &[&[0x8b], &reasons()])
}

fn auth() -> Vec<u8> {
    let properties = properties(&[
        [vec![0x15], text("SCRAM-SHA-1")].concat(),
        [vec![0x16], text("challenge")].concat(),
        [vec![0x1f], text(WORDS)].concat(),
    ]);
    packet(0xf0, &[&[0x18], &properties])
}

/// Has a scene played once for each number of bytes of a packet that are still sent.
async fn cut<S: Future<Output = ()> + Send + 'static>(packet: Vec<u8>, scene: impl Fn(usize) -> S) {
    let mut running = JoinSet::new();
    for bytes in 0..packet.len() {
        if running.len() >= 24 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(scene(bytes));
    }
    while let Some(played) = running.join_next().await {
        played.unwrap();
    }
}

/// Sends the first bytes of a packet, and ends the link.
async fn send_part(mut peer: Peer<V5>, packet: &[u8], bytes: usize) {
    peer.send_raw(&packet[..bytes]).await;
    if bytes.is_multiple_of(2) { peer.reset() } else { peer.finish().await }
}

fn kept(broker: &FakeBroker) -> Arc<MqttConnection> {
    let keys = [
        ("options.protocol_version", "5"),
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "1"),
        ("options.max_reconnect_timeout", "2"),
    ];
    connection(broker, &keys)
}

async fn opened(broker: &FakeBroker) -> (Arc<MqttConnection>, Peer<V5>) {
    let connection = kept(broker);
    let context = context();
    let script = async {
        let (mut peer, _) = broker.accept_connect5().await;
        peer.send_raw(&welcome(false)).await;
        peer
    };
    let (opened, peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
    (connection, peer)
}

/// The next link, on which the session is still there.
async fn again(broker: &FakeBroker) -> Peer<V5> {
    let (mut peer, _) = broker.accept_connect5().await;
    peer.send_raw(&welcome(true)).await;
    peer
}

/// No id is leaked, and the link works.
async fn works(connection: &MqttConnection, peer: &mut Peer<V5>) {
    let script = async {
        let publish = peer.expect_publish().await;
        assert_eq!(publish.payload, "probe");
        peer.send_raw(&[0x40, 2, (publish.pkid >> 8) as u8, publish.pkid as u8]).await;
    };
    let probe = connection.publish("probe", "probe", PublishOptions::at_least_once());
    let (published, ()) = tokio::join!(probe, script);
    published.unwrap();
}

#[tokio::test]
async fn connack() {
    cut(welcome(false), async |bytes| {
        let broker = FakeBroker::start().await;
        let (connection, context) = (kept(&broker), context());
        let script = async {
            let (peer, _) = broker.accept_connect5().await;
            send_part(peer, &welcome(false), bytes).await;
            again(&broker).await
        };
        let (opened, mut peer) = tokio::join!(connection.open(&context), script);
        opened.unwrap();
        works(&connection, &mut peer).await;
        let large = connection.publish("t", vec![0; 1000], PublishOptions::at_least_once()).await;
        assert_eq!(Error::from(large.unwrap_err()).code(), "PACKET_TOO_LARGE", "the broker said so");
    })
    .await;
}

#[tokio::test]
async fn publish() {
    cut(message(false), async |bytes| {
        let broker = FakeBroker::start().await;
        let (connection, mut peer) = opened(&broker).await;
        let (listener, mut heard) = listener();
        let options = SubscribeOptions::at_least_once();
        let (granted, _) = tokio::join!(connection.subscribe("in/#", options, listener), peer.grant());
        granted.unwrap();
        send_part(peer, &message(false), bytes).await;
        let mut peer = again(&broker).await;
        peer.send_raw(&message(true)).await;
        assert_eq!(peer.expect_puback().await.pkid, 7);
        let message = heard.next().await;
        let properties = &message.properties;
        assert_eq!((message.text().unwrap(), properties.get("team")), ("whole", Some("grün")));
        assert_eq!(properties.content_type(), Some("text/plain"));
        works(&connection, &mut peer).await;
        assert!(heard.is_empty(), "it came whole once");
    })
    .await;
}

async fn refused_publish(first: u8, qos: QoS, bytes: usize) {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker).await;
    let script = async {
        let publish = peer.expect_publish().await;
        let refusal = refusal(first, publish.pkid);
        send_part(peer, &refusal, bytes).await;
        let mut peer = again(&broker).await;
        let once_more = peer.expect_publish().await;
        assert!(once_more.dup && once_more.pkid == publish.pkid, "{once_more:?}");
        peer.send_raw(&refusal).await;
        peer
    };
    let (refused, mut peer) =
        tokio::join!(connection.publish("out", "x", PublishOptions::default().qos(qos)), script);
    let error = Error::from(refused.unwrap_err());
    assert_eq!(error.code(), "PUBLISH_REFUSED");
    assert!(error.to_string().contains(WORDS), "{error}");
    works(&connection, &mut peer).await;
}

#[tokio::test]
async fn puback_and_pubrec_that_refuse() {
    for (first, qos) in [(0x40, QoS::AtLeastOnce), (0x50, QoS::ExactlyOnce)] {
        cut(refusal(first, 1), |bytes| refused_publish(first, qos, bytes)).await;
    }
}

#[tokio::test]
async fn suback_that_refuses() {
    cut(refusal(0x90, 1), async |bytes| {
        let broker = FakeBroker::start().await;
        let (connection, mut peer) = opened(&broker).await;
        let script = async {
            let subscribe = peer.expect_subscribe().await;
            send_part(peer, &refusal(0x90, subscribe.pkid), bytes).await;
            let mut peer = again(&broker).await;
            let once_more = peer.expect_subscribe().await;
            assert_eq!(once_more.filters, subscribe.filters);
            peer.send_raw(&refusal(0x90, once_more.pkid)).await;
            // The first one may have been taken.
            let unsubscribe = peer.expect_unsubscribe().await;
            peer.send_raw(&refusal(0xb0, unsubscribe.pkid)).await;
            peer
        };
        let (listener, _heard) = listener();
        let options = SubscribeOptions::at_least_once();
        let (refused, mut peer) = tokio::join!(connection.subscribe("in/#", options, listener), script);
        let error = Error::from(refused.unwrap_err());
        assert_eq!(error.code(), "SUBSCRIBE_REFUSED");
        assert!(error.to_string().contains(WORDS), "{error}");
        works(&connection, &mut peer).await;
    })
    .await;
}

#[tokio::test]
async fn unsuback_that_refuses() {
    cut(refusal(0xb0, 1), async |bytes| {
        let broker = FakeBroker::start().await;
        let (connection, mut peer) = opened(&broker).await;
        let (listener, _heard) = listener();
        let options = SubscribeOptions::at_least_once();
        let (granted, _) = tokio::join!(connection.subscribe("in/#", options, listener), peer.grant());
        let script = async {
            let unsubscribe = peer.expect_unsubscribe().await;
            send_part(peer, &refusal(0xb0, unsubscribe.pkid), bytes).await;
            let mut peer = again(&broker).await;
            let once_more = peer.expect_unsubscribe().await;
            assert_eq!(once_more.filters, unsubscribe.filters);
            peer.send_raw(&refusal(0xb0, once_more.pkid)).await;
            peer
        };
        let (gone, mut peer) = tokio::join!(granted.unwrap().unsubscribe(), script);
        assert!(gone.unwrap());
        works(&connection, &mut peer).await;
    })
    .await;
}

#[tokio::test]
async fn disconnect_and_auth() {
    for packet in [farewell(), auth()] {
        cut(packet.clone(), |bytes| {
            let packet = packet.clone();
            async move {
                let broker = FakeBroker::start().await;
                let (connection, peer) = opened(&broker).await;
                send_part(peer, &packet, bytes).await;
                works(&connection, &mut again(&broker).await).await;
            }
        })
        .await;
    }
}
