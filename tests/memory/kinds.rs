//! Queues of every kind, before a broker that sends more than it may, and what they do when they close.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wirework::component::Component;
use wirework::config::from_pairs;
use wirework::messaging::{Bridge, MemoryMessageQueue, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue};

use super::messages::{flood, grant, is_read};
use super::packet::{Publish, SHAPES, Shape};
use super::support::fake_broker::{FakeBroker, Peer, V5};
use super::{BESIDES, LIMIT, MAX_PACKET, Memory, alone, common};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// At QoS 1, with a persistent session.
    Alone,
    /// In a group, to which it gives everything back when it closes.
    Group,
    /// With a bridge to a queue in memory that nobody takes from.
    Bridged,
}

/// What a queue over MQTT and its connection hold at most: the connection counts each message until it is acknowledged, over all
/// links; its place in the queue, and a second one while it is given back, comes to less than half of that.
const HELD: usize = LIMIT + LIMIT / 2 + BESIDES;

impl Kind {
    fn most(self) -> usize {
        match self {
            Self::Alone | Self::Group => HELD,
            Self::Bridged => HELD + LIMIT,
        }
    }
}

async fn open(broker: &FakeBroker, kind: Kind) -> (Arc<MqttConnection>, Peer<V5>) {
    let (limit, packet) = (LIMIT.to_string(), MAX_PACKET.to_string());
    let clean = if kind == Kind::Group { "true" } else { "false" };
    let connection = common::connection(
        broker,
        &[
            ("client_id", "me"),
            ("options.clean_session", clean),
            ("options.unclaimed_timeout", "0"),
            ("options.protocol_version", "5"),
            ("options.max_incoming_bytes", &limit),
            ("options.max_queued_bytes", &limit),
            ("options.max_packet_size", &packet),
            ("options.receive_maximum", "65535"),
        ],
    );
    let context = common::context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    (connection, peer)
}

async fn queue(kind: Kind, connection: &Arc<MqttConnection>, peer: &mut Peer<V5>) -> Arc<dyn MessageQueue> {
    let limit = LIMIT.to_string();
    let pairs = [
        ("topic", "in/#"),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.capacity", "1000000"),
        ("options.max_bytes", limit.as_str()),
    ];
    let group = (kind == Kind::Group).then_some(("group", "workers"));
    let config = from_pairs(pairs.into_iter().chain(group)).unwrap();
    let queue = Arc::new(MqttMessageQueue::new("in", config, Some(Arc::clone(connection))).unwrap());
    let context = common::context();
    let (opened, ()) = tokio::join!(queue.open(&context), grant(peer));
    opened.unwrap();
    queue
}

async fn bridge(source: &Arc<dyn MessageQueue>) -> (Bridge, Arc<dyn MessageQueue>) {
    let limit = LIMIT.to_string();
    let pairs = [("options.max_bytes", limit.as_str()), ("options.capacity", "1000000")];
    let target: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::from_pairs("work", pairs).unwrap());
    target.open(&common::context()).await.unwrap();
    let config = from_pairs([("concurrency", "8")]).unwrap();
    let bridge = Bridge::new("in", config, Arc::clone(source), Arc::clone(&target)).unwrap();
    bridge.open(&common::context()).await.unwrap();
    (bridge, target)
}

async fn prove(kind: Kind, shape: Shape) {
    let what = format!("{}, {kind:?}", shape.name);
    let memory = Memory::begin();
    let mut publish = Publish::new(shape, 1, true);
    let broker = FakeBroker::start().await;
    let memory = memory.anew();
    let (connection, mut peer) = open(&broker, kind).await;
    let queue = queue(kind, &connection, &mut peer).await;
    let bridged = if kind == Kind::Bridged { Some(bridge(&queue).await) } else { None };
    let open = flood(&mut peer, &mut publish).await && is_read(&connection, &mut peer).await;
    if !open {
        drop(peer);
        (peer, _) = broker.accept_session5(kind != Kind::Group).await;
        if kind == Kind::Group {
            grant(&mut peer).await;
        }
        if flood(&mut peer, &mut publish).await {
            is_read(&connection, &mut peer).await;
        }
    }
    memory.assert_at_most(kind.most(), &what);
    assert!(memory.most() > LIMIT / 8, "{what}: only {} bytes were live", memory.most());
    // The broker answers nothing any more, and takes nothing back.
    let context = common::context().for_call("close", Some(Instant::now() + Duration::from_millis(500)));
    if let Some((bridge, target)) = bridged {
        bridge.close(&context).await.unwrap();
        target.close(&context).await.unwrap();
    }
    // That the broker did not answer is told.
    let _ = queue.close(&context).await;
    connection.close(&context).await.unwrap();
    memory.assert_at_most(kind.most(), &format!("{what}, closed"));
}

fn prove_all(kind: Kind) {
    let named = ["tiny", "small", "long topic", "large", "40000 user properties"];
    for shape in SHAPES.into_iter().filter(|shape| named.contains(&shape.name)) {
        alone(prove(kind, shape));
    }
}

#[test]
fn a_queue_of_qos_1() {
    prove_all(Kind::Alone);
}

#[test]
fn a_member_of_a_group() {
    prove_all(Kind::Group);
}

#[test]
fn a_queue_that_a_bridge_feeds() {
    prove_all(Kind::Bridged);
}
