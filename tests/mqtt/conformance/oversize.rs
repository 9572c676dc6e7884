//! Received packets that would end every link, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use wirework::count::{Cell, CounterSet, CounterSink, Counters, Value};
use wirework::mqtt::{LinkError, LinkState, MqttConnection, SubscribeOptions};

use super::wire::{Site, Wire};
use crate::common::{context, listener, until};

const LIMIT: &str = "20000";

#[derive(Default)]
struct Sink(CounterSet);

impl CounterSink for Sink {
    fn register(&self, cell: Arc<Cell>) {
        self.0.register(cell);
    }
}

/// PUBLISH of 3.1.1 with a body of 3 MB: type and flags, topic and, above QoS 0, the packet id.
async fn huge(wire: &mut Wire, first: u8, opening: &[u8]) {
    const SIZE: usize = 3_000_000;
    let length = [
        (SIZE & 0x7f) as u8 | 0x80,
        ((SIZE >> 7) & 0x7f) as u8 | 0x80,
        ((SIZE >> 14) & 0x7f) as u8 | 0x80,
        (SIZE >> 21) as u8,
    ];
    wire.send(&[&[first], &length[..], opening].concat()).await;
    let rest = vec![b'x'; SIZE - opening.len()];
    for part in rest.chunks(100_000) {
        wire.send(part).await;
    }
}

#[tokio::test]
async fn on_3_1_1_a_message_that_is_too_large_is_read_past_and_acknowledged_by_its_qos() {
    let site = Site::start().await;
    let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
    counters.bind(vec![Arc::clone(&sink) as Arc<dyn CounterSink>]);
    let config = wirework::config::from_pairs([
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.max_packet_size", LIMIT),
    ]);
    let builder = MqttConnection::builder().config(config.unwrap()).host("127.0.0.1", site.port());
    let connection = builder.counters(counters).build().unwrap();
    let opening = context();
    let (opened, mut wire) = tokio::join!(connection.open(&opening), site.admit("3.1.1"));
    opened.unwrap();
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::exactly_once();
    tokio::join!(connection.subscribe("#", options, listener), wire.grant("3.1.1", 2)).0.unwrap();
    huge(&mut wire, 0x31, &[0, 1, b'a']).await;
    huge(&mut wire, 0x33, &[0, 1, b'b', 0, 7]).await;
    assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 7]));
    huge(&mut wire, 0x34, &[0, 1, b'c', 0, 8]).await;
    assert_eq!(wire.packet().await, Some(vec![0x50, 2, 0, 8]));
    // Sent once more, as after a lost acknowledgement.
    huge(&mut wire, 0x3c, &[0, 1, b'c', 0, 8]).await;
    assert_eq!(wire.packet().await, Some(vec![0x50, 2, 0, 8]));
    wire.send(&[0x62, 2, 0, 8]).await;
    assert_eq!(wire.packet().await, Some(vec![0x70, 2, 0, 8]));
    // The link is the same, and others arrive.
    wire.send(&[0x32, 6, 0, 1, b'd', 0, 9, b'x']).await;
    assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 9]));
    assert_eq!(heard.line().await, "d x");
    assert!(heard.is_empty());
    let counted: BTreeMap<String, Value> =
        sink.0.snapshot().into_iter().map(|sample| (sample.name, sample.value)).collect();
    assert!(matches!(counted["mqtt.message.oversize"], Value::Increment(4)), "{counted:?}");
    assert!(matches!(counted["mqtt.link.opened"], Value::Increment(1)), "{counted:?}");
}

#[tokio::test]
async fn on_5_a_message_above_what_the_broker_was_told_ends_the_link_and_is_named() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened("5", &[("options.max_packet_size", LIMIT)]).await;
    let client = connection.client().unwrap();
    // Only its beginning: 200 MB are announced.
    wire.send(&[0x30, 0x80, 0x80, 0xaf, 0x5f, 0, 3, b'a', b'/', 0x1b]).await;
    assert_eq!(wire.end().await, Some(vec![0xe0, 2, 0x95, 0]));
    let down = |state: &LinkState| matches!(state, LinkState::Down(LinkError::TooLarge { .. }));
    let LinkState::Down(lost) = until(&client, down).await else { panic!("down") };
    assert_eq!(
        lost.to_string(),
        "the broker sent PUBLISH of 199999493 bytes on `a/\\u{1b}`, more than the 20000 of `options.max_packet_size`"
    );
}

/// What a listener is still busy with when the bad packet comes is acknowledged too: else all of it would come again, and the
/// bad packet behind it.
#[tokio::test]
async fn what_came_before_a_topic_that_is_none_is_acknowledged_before_the_link_ends() {
    for (version, good, bad) in [
        ("3.1.1", &[0x32, 6, 0, 1, b't', 0, 9, b'x'][..], &[0x30, 5, 0, 3, b'a', 0xff, 0x1b][..]),
        ("5", &[0x32, 7, 0, 1, b't', 0, 9, 0, b'x'], &[0x30, 6, 0, 3, b'a', 0xff, 0x1b, 0]),
    ] {
        let site = Site::start().await;
        let more = [("client_id", "me"), ("options.clean_session", "false")];
        let (connection, mut wire) = site.opened(version, &more).await;
        let client = connection.client().unwrap();
        let slow = |_| async {
            // More than one turn of the driver.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        let options = SubscribeOptions::at_least_once();
        tokio::join!(connection.subscribe("t", options, Arc::new(slow)), wire.grant(version, 1)).0.unwrap();
        wire.send(&[good, bad].concat()).await;
        assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 9]), "MQTT {version}");
        assert_eq!(wire.end().await, (version == "5").then(|| vec![0xe0, 2, 0x81, 0]));
        let down = |state: &LinkState| matches!(state, LinkState::Down(LinkError::BadTopic { .. }));
        let LinkState::Down(lost) = until(&client, down).await else { panic!("down") };
        assert_eq!(
            lost.to_string(),
            "a message came whose topic `a\\xff\\u{1b}` is no UTF-8 text; MQTT forbids to go on after that: find out who \
             publishes it"
        );
    }
}
