//! The example that the book shows, and that it does what it says.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{MqttConnection, PublishOptions, SubscribeOptions};

use crate::observing::Told;
use crate::support::fake_broker::{FakeBroker, Packet, Peer, QoS, UnsubAck, message};
use crate::support::within;

/// A connection without any context, and the broker's end of it.
async fn connected(broker: &FakeBroker) -> (MqttConnection, Peer) {
    let uri = format!("mqtt://127.0.0.1:{}", broker.port());
    let (connection, (peer, _)) = tokio::join!(MqttConnection::connect(&uri), broker.accept_session(false));
    (connection.unwrap(), peer)
}

#[tokio::test]
async fn a_connection_needs_no_context() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = connected(&broker).await;
    assert!(connection.is_open());
    let (closed, ()) = tokio::join!(connection.disconnect(), peer.expect_disconnect());
    closed.unwrap();
    assert!(!connection.is_open());
    connection.disconnect().await.unwrap();
    let error = MqttConnection::connect("mqtt://").await.err().unwrap();
    assert_eq!(error.category(), wirework::Category::Misconfiguration, "{error}");
}

/// A message of the stream is acknowledged when the next one is asked for, or the stream is dropped.
#[tokio::test]
async fn messages_come_as_a_stream_one_at_a_time() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = connected(&broker).await;
    let options = SubscribeOptions::at_least_once();
    let (messages, _) = tokio::join!(connection.messages("t/+", options), peer.grant());
    let mut messages = messages.unwrap();
    assert_eq!((messages.filter().as_str(), messages.granted() as u8), ("t/+", 1));
    for (id, text) in [(1, "a"), (2, "b"), (3, "c")] {
        peer.send(message("t/x", text, QoS::AtLeastOnce, id)).await;
    }
    assert_eq!(within("a", messages.next()).await.unwrap().text(), Some("a"));
    let nothing = tokio::time::timeout(Duration::from_millis(100), peer.next("nothing")).await;
    assert!(nothing.is_err(), "it is acknowledged before it is handled");
    assert_eq!(within("b", messages.next()).await.unwrap().text(), Some("b"));
    assert_eq!(peer.expect_puback().await.pkid, 1);
    drop(messages);
    // What comes first of these is by chance.
    let (mut acknowledged, mut unsubscribed) = (Vec::new(), false);
    while acknowledged.len() < 2 || !unsubscribed {
        match peer.next("an end").await {
            Some(Packet::PubAck(ack)) => acknowledged.push(ack.pkid),
            Some(Packet::Unsubscribe(unsubscribe)) => {
                assert_eq!(unsubscribe.topics, ["t/+"]);
                peer.send(UnsubAck::new(unsubscribe.pkid)).await;
                unsubscribed = true;
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(acknowledged, [2, 3], "nobody listens any more");
    let (closed, ()) = tokio::join!(connection.disconnect(), peer.expect_disconnect());
    closed.unwrap();
}

#[tokio::test]
async fn a_stream_ends_with_the_connection() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = connected(&broker).await;
    let options = SubscribeOptions::default();
    let (messages, _) = tokio::join!(connection.messages("t", options), peer.grant());
    let mut messages = messages.unwrap();
    let (closed, ended, ()) =
        tokio::join!(connection.disconnect(), within("the end", messages.next()), peer.expect_disconnect());
    closed.unwrap();
    assert!(ended.is_none());
}

#[tokio::test]
async fn what_a_dropped_connection_loses_is_told() {
    let (told, broker) = (Told::default(), FakeBroker::start().await);
    let _guard = told.listen();
    let (connection, mut peer) = connected(&broker).await;
    let client = connection.client().unwrap();
    let forgotten = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    drop(forgotten);
    assert_eq!(peer.expect_publish().await.topic, "t");
    drop(connection);
    let lines = told.0.borrow();
    let last = lines.last().unwrap();
    assert!(last.starts_with("the MQTT connection is dropped without being closed; "), "{lines:?}");
    assert!(last.ends_with("among them 1 messages of QoS 1 and 2 that were not acknowledged"), "{lines:?}");
}

#[test]
fn readme_shows_the_example() {
    let (page, example) = (include_str!("../../docs/guide/mqtt.md"), include_str!("../../examples/mqtt.rs"));
    let (_, code) = example.split_once('\n').unwrap();
    assert!(page.contains(code), "the book shows another example than examples/mqtt.rs");
    assert!(example.lines().count() < 25);
}

#[tokio::test]
async fn the_example_hears_itself() {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let program = profile.join("examples").join(format!("mqtt{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{program:?} is missing; `cargo test` or `cargo build --examples` builds it");
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    let uri = format!("mqtt://{}", broker.address().unwrap());
    let mut command = Command::new(program);
    let ran = command.arg(uri).kill_on_drop(true).output();
    let output = within("the example", ran).await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{failed}");
    assert_eq!(said.trim(), "Some(\"Hello!\")", "{failed}");
    broker.close(&context).await.unwrap();
}
