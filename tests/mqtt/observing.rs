//! What a connection says of itself: status and counters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use wirework::Error;
use wirework::component::{Context, ServiceView, Status, Supervisor};
use wirework::count::{Cell, CounterSet, CounterSink, Counters, Value};
use wirework::log::Scope;
use wirework::mqtt::{MqttConnection, MqttOptions, PublishOptions, SubscribeOptions};

use crate::common::{connection, listener};
use crate::support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker, PubAck, QoS, message};
use crate::support::within;

/// What became of a component, as it is reported.
#[derive(Default)]
pub struct Seen(Mutex<VecDeque<String>>, tokio::sync::Notify);

impl Supervisor for Seen {
    fn status(&self, _: usize, status: Status) {
        self.0.lock().unwrap().push_back(status.to_string());
        self.1.notify_one();
    }
    fn stop(&self, _: usize, _: Error) {}
}

impl Seen {
    pub async fn next(&self) -> String {
        loop {
            let first = self.0.lock().unwrap().pop_front();
            if let Some(first) = first {
                return first;
            }
            within("a status", self.1.notified()).await;
        }
    }
}

/// What the status says of a link that was lost: all of it, as nobody else does.
fn lost(broker: &FakeBroker, why: &str) -> String {
    format!("recovering: the link to the MQTT broker at mqtt://127.0.0.1:{} is lost: {why}", broker.port())
}

#[tokio::test]
async fn the_status_follows_the_link() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let seen = Arc::new(Seen::default());
    let scope = Scope::new("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    let context = Context::new(0, ServiceView::standalone("telemetry"), scope, seen.clone());
    let (opened, (peer, connect)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    assert!(connect.client_id.starts_with("telemetry-default-"), "{}", connect.client_id);
    peer.finish().await;
    assert_eq!(seen.next().await, lost(&broker, "the broker closed the connection"));
    let (mut peer, _) = broker.accept_session(false).await;
    assert_eq!(seen.next().await, "open");
    peer.send_raw(&[0xc0, 0]).await;
    let expected = lost(&broker, "the broker sent PINGREQ, which it may not send now");
    assert_eq!(seen.next().await, expected);
}

/// What operators are told on one thread.
#[derive(Clone, Default)]
pub struct Told(pub Arc<watch::Sender<Vec<String>>>);

impl Told {
    pub fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }
}

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        if *event.metadata().level() <= Level::INFO {
            self.0.send_modify(|lines| lines.push(message.0));
        }
    }
}

#[tokio::test]
async fn the_loss_of_a_link_is_one_line() {
    let told = Told::default();
    let _guard = told.listen();
    let broker = FakeBroker::start().await;
    let (connection, context) = (connection(&broker, &[]), crate::common::context());
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    peer.finish().await;
    let _peer = broker.accept_session(false).await;
    let mut lines = told.0.subscribe();
    let back = lines.wait_for(|lines| lines.iter().any(|line| line == "open again"));
    drop(within("the link to be back", back).await.unwrap());
    let at = format!("mqtt://127.0.0.1:{}", broker.port());
    let expected = [
        format!("Connected to MQTT broker at {at}"),
        lost(&broker, "the broker closed the connection"),
        format!("Connected to MQTT broker at {at}"),
        "open again".to_owned(),
    ];
    assert_eq!(*told.0.borrow(), expected);
}

#[tokio::test]
async fn a_refusal_is_a_recovering_status_and_when_its_time_is_up_a_failed_one() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.refusal_timeout", "1")]);
    let seen = Arc::new(Seen::default());
    let scope = Scope::new("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    let context = Context::new(0, ServiceView::standalone("telemetry"), scope, seen.clone());
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    peer.finish().await;
    assert_eq!(seen.next().await, lost(&broker, "the broker closed the connection"));
    let refuse = async || {
        let (mut peer, _) = broker.accept_connect().await;
        peer.send(ConnAck::new(ConnectReturnCode::NotAuthorized, false)).await;
    };
    refuse().await;
    let status = seen.next().await;
    assert!(status.starts_with("recovering: ") && status.contains("not authorized"), "{status}");
    refuse().await;
    let mut status = seen.next().await;
    // Of two in a row the first may go unseen.
    if status.starts_with("recovering: ") {
        status = seen.next().await;
    }
    assert!(status.starts_with("failed: ") && status.contains("not authorized"), "{status}");
}

#[derive(Default)]
struct Sink(CounterSet);

impl CounterSink for Sink {
    fn register(&self, cell: Arc<Cell>) {
        self.0.register(cell);
    }
}

#[tokio::test]
async fn everything_is_counted() {
    let broker = FakeBroker::start().await;
    let counters = Counters::standalone();
    let sink = Arc::new(Sink::default());
    counters.bind(vec![Arc::clone(&sink) as Arc<dyn CounterSink>]);
    let options =
        MqttOptions { reconnect_timeout: wirework::config::Millis::new(10), ..MqttOptions::default() };
    let builder =
        MqttConnection::builder().host("127.0.0.1", broker.port()).counters(counters).options(options);
    let connection = builder.build().unwrap();
    let context = crate::common::context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    let (listener, mut heard) = listener();
    let qos1 = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", qos1, listener), peer.grant());
    granted.unwrap();
    for (topic, id) in [("a", 1), ("b", 2)] {
        peer.send(message(topic, "x", QoS::AtLeastOnce, id)).await;
        peer.expect_puback().await;
    }
    heard.next().await;
    let refuse = |_| std::future::ready(Err(Error::new(wirework::Category::Internal, "BAD", "as it should")));
    let manual = qos1.manual_ack();
    let (granted, _) = tokio::join!(connection.subscribe("c", manual, Arc::new(refuse)), peer.grant());
    granted.unwrap();
    peer.send(message("c", "x", QoS::AtLeastOnce, 3)).await;
    peer.send(message("a", "x", QoS::AtLeastOnce, 4)).await;
    assert_eq!(peer.expect_puback().await.pkid, 4);
    peer.send(PubAck::new(77)).await;
    let (published, ()) =
        tokio::join!(connection.publish("t", "x", PublishOptions::at_least_once()), async {
            let publish = peer.expect_publish().await;
            peer.send(PubAck::new(publish.pkid)).await;
        });
    published.unwrap();
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    peer.grant().await;
    connection.publish("t", "y", PublishOptions::default().wait()).await.unwrap();
    let counted: BTreeMap<String, u64> = sink
        .0
        .snapshot()
        .into_iter()
        .filter_map(|sample| match sample.value {
            Value::Increment(count) if count > 0 => Some((sample.name, count)),
            _ => None,
        })
        .collect();
    let expected = [
        ("mqtt.link.opened", 2),
        ("mqtt.link.reconnects", 1),
        ("mqtt.link.unsolicited", 1),
        ("mqtt.listener.failed", 1),
        ("mqtt.message.received", 4),
        ("mqtt.message.refused", 1),
        ("mqtt.message.unmatched", 1),
        ("mqtt.publish.acknowledged", 1),
        ("mqtt.publish.sent", 2),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

#[tokio::test]
async fn levels_and_round_trips_are_shown() {
    let broker = FakeBroker::start().await;
    let counters = Counters::standalone();
    let sink = Arc::new(Sink::default());
    counters.bind(vec![Arc::clone(&sink) as Arc<dyn CounterSink>]);
    let builder = MqttConnection::builder().host("127.0.0.1", broker.port()).counters(counters);
    let connection = builder.build().unwrap();
    let context = crate::common::context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    let shown = |name: &str| {
        let sample = sink.0.snapshot().into_iter().find(|sample| sample.name == name);
        sample.map(|sample| sample.value)
    };
    let level = |name: &str| match shown(name) {
        Some(Value::Last(level, _)) => level,
        other => panic!("{name} is {other:?}"),
    };
    let client = connection.client().unwrap();
    let first = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    let second = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    let ids = [peer.expect_publish().await.pkid, peer.expect_publish().await.pkid];
    assert_eq!(level("mqtt.publish.in_flight"), 2.0);
    assert!(level("mqtt.publish.queued_bytes") > 0.0);
    for id in ids {
        peer.send(PubAck::new(id)).await;
    }
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!((level("mqtt.publish.in_flight"), level("mqtt.publish.queued_bytes")), (0.0, 0.0));
    match shown("mqtt.publish.round_trip") {
        Some(Value::Interval(times, _)) => assert_eq!(times.count, 1, "one at a time"),
        other => panic!("{other:?}"),
    }
}
