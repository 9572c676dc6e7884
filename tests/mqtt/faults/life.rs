//! A life of a connection in which everything happens once, and what must be true of it however bad the links were.

use std::sync::Arc;

use bytes::Bytes;
use wirework::Error;
use wirework::mqtt::{Delivery, LinkState, MqttConnection, PublishOptions, QoS, SubscribeOptions};

use crate::common::{Heard, connection_to, context, listener};
use crate::support::fake_broker::Version;
use crate::support::honest::{Honest, Weather};
use crate::support::within;

/// How many publishes of QoS 1 and 2 may be on their way.
pub const WINDOW: usize = 4;

/// One life, with what happened in it.
pub struct Life<V> {
    pub broker: Honest<V>,
    pub connection: Arc<MqttConnection>,
    heard: Heard,
    /// What was published, and how it ended.
    pub ended: Vec<(QoS, Result<(), Error>)>,
    /// What the broker was given to send, and what the listener got.
    sent: Vec<(u8, String)>,
    pub got: Vec<String>,
}

/// A connection with a session that outlives its links, and the broker; not opened.
pub async fn born<V: Version>(weather: Vec<Weather>, more: &[(&str, &str)]) -> Life<V> {
    let broker = Honest::<V>::start(weather).await;
    let keys = [
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.max_inflight", "4"),
        ("options.reconnect_timeout", "1"),
        ("options.max_reconnect_timeout", "2"),
    ];
    let connection = connection_to(broker.port, &[&keys[..], version::<V>(), more].concat());
    let (_, heard) = listener();
    Life { broker, connection, heard, ended: Vec::new(), sent: Vec::new(), got: Vec::new() }
}

/// What makes a connection speak this version.
pub fn version<V: Version>() -> &'static [(&'static str, &'static str)] {
    if V::NAME == "5" { &[("options.protocol_version", "5")] } else { &[] }
}

impl<V: Version> Life<V> {
    pub async fn open(&mut self) {
        within("the link", self.connection.open(&context())).await.unwrap();
    }

    pub async fn subscribe(&mut self) {
        let (listener, heard) = listener();
        self.heard = heard;
        let options = SubscribeOptions::exactly_once();
        within("the grant", self.connection.subscribe("in/#", options, listener)).await.unwrap();
    }

    /// The broker sends as many messages of QoS 1 and 2 in turn.
    pub fn send(&mut self, count: usize) {
        for _ in 0..count {
            let (number, qos) = (self.sent.len(), if self.sent.len().is_multiple_of(2) { 1 } else { 2 });
            self.broker.send("in/x", format!("{number}"), qos);
            self.sent.push((qos, number.to_string()));
        }
    }

    /// Hands over as many messages of QoS 1 and 2 in turn, without waiting.
    pub async fn publish(&self, count: usize) -> Vec<(QoS, Delivery)> {
        self.publish_after(0, count).await
    }

    /// The same after so many that have not ended yet.
    pub async fn publish_after(&self, open: usize, count: usize) -> Vec<(QoS, Delivery)> {
        let client = self.connection.client().unwrap();
        let mut deliveries = Vec::new();
        for number in 0..count {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            let payload = format!("{}", self.ended.len() + open + number);
            let options = PublishOptions::default().qos(qos);
            deliveries.push((qos, within("room", client.send("out", payload, options)).await.unwrap()));
        }
        deliveries
    }

    pub async fn finish(&mut self, deliveries: Vec<(QoS, Delivery)>) {
        for (qos, delivery) in deliveries {
            let result = within("the end of a publish", delivery).await;
            self.ended.push((qos, result.map_err(Error::from)));
        }
    }

    /// Waits until the listener has got everything that the broker was given to send.
    pub async fn receive(&mut self) {
        within("the broker to be done", async {
            let sent: Vec<String> = self.sent.iter().map(|(_, payload)| payload.clone()).collect();
            while !sent.iter().all(|payload| self.got.contains(payload)) {
                self.got.push(self.heard.next().await.text().unwrap().to_owned());
            }
        })
        .await;
        self.broker.until("all acknowledgements", |state| state.is_idle()).await;
        while let Some(message) = self.heard.now() {
            self.got.push(message.text().unwrap().to_owned());
        }
    }

    /// A window full of publishes goes through, so no id was leaked, and closing leaves nothing.
    pub async fn probe(&mut self) {
        let deliveries = self.publish(WINDOW).await;
        self.finish(deliveries).await;
        let probed = &self.ended[self.ended.len() - WINDOW..];
        assert!(probed.iter().all(|(_, result)| result.is_ok()), "{probed:?}");
        within("the end", self.connection.close(&context())).await.unwrap();
    }

    /// The same where the link that is there may still be a bad one: after it the weather is good.
    pub async fn probe_through_bad_weather(&mut self) {
        self.broker.cut();
        let links = self.broker.state().links;
        self.broker.until("another link", |state| state.links > links).await;
        let client = self.connection.client().unwrap();
        let mut state = client.state();
        let up = |state: &LinkState| matches!(state, LinkState::Up { .. });
        within("the link", state.wait_for(up)).await.unwrap();
        self.probe().await;
    }

    /// What was acknowledged has arrived, QoS 2 once; what failed says why and came once at most.
    pub fn check_published(&self) {
        let state = self.broker.state();
        assert_eq!(state.violations, Vec::<String>::new());
        let arrived = |number: usize| {
            let payload = Bytes::from(number.to_string());
            state
                .arrived
                .iter()
                .filter(|arrived| arrived.topic == "out" && arrived.payload == payload)
                .count()
        };
        for (number, (qos, result)) in self.ended.iter().enumerate() {
            let times = arrived(number);
            match (qos, result) {
                (QoS::ExactlyOnce, Ok(())) => assert_eq!(times, 1, "{number}"),
                (QoS::ExactlyOnce, Err(error)) => {
                    assert!(times <= 1 && error.code() == "SESSION_LOST", "{number}: {times}, {error}");
                }
                (_, result) => assert!(times >= 1 && result.is_ok(), "{number}: {times}, {result:?}"),
            }
        }
    }

    /// The listener got everything, QoS 2 once.
    pub fn check_received(&self) {
        for (qos, payload) in &self.sent {
            let times = self.got.iter().filter(|got| *got == payload).count();
            assert!(times == 1 || (*qos == 1 && times > 1), "{payload} at QoS {qos} came {times} times");
        }
    }
}
