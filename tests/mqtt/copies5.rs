//! Several copies of one message, of which one counts: for a listener whose filters overlap, from a broker that sends a copy
//! for each.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use wirework::mqtt::{MqttConnection, MqttMessageListener, SubscribeOptions};

use crate::common::{Heard, listener, opened5};
use crate::support::fake_broker::five::{Publish, PublishProperties};
use crate::support::fake_broker::{FakeBroker, Peer, Plain, V5, Version, message5};

/// One listener to `a/#` and `a/b`, of which the first was granted first.
struct Overlapping {
    connection: Arc<MqttConnection>,
    peer: Peer<V5>,
    listener: Arc<dyn MqttMessageListener>,
    heard: Heard,
    /// The identifiers of the filters.
    ids: Vec<usize>,
    last: u16,
}

impl Overlapping {
    async fn start(options: [SubscribeOptions; 2]) -> Self {
        let broker = FakeBroker::start().await;
        let (connection, peer) = opened5(&broker, &[], &[]).await;
        let (listener, heard) = listener();
        let mut all = Self { connection, peer, listener, heard, ids: Vec::new(), last: 0 };
        for (filter, options) in ["a/#", "a/b"].into_iter().zip(options) {
            all.subscribe(filter, options).await;
        }
        all
    }

    async fn subscribe(&mut self, filter: &str, options: SubscribeOptions) {
        let granted = self.connection.subscribe(filter, options, Arc::clone(&self.listener));
        let (granted, sent) = tokio::join!(granted, self.peer.grant());
        granted.unwrap();
        self.ids.extend(sent.properties.and_then(|properties| properties.id));
    }

    /// Sends a copy for one of the filters; one at QoS 1 is acknowledged.
    async fn send(&mut self, text: &str, qos: QoS, filter: usize) {
        let pkid = if qos == QoS::AtMostOnce { 0 } else { self.last + 1 };
        let subscription_identifiers = vec![self.ids[filter]];
        let properties = PublishProperties { subscription_identifiers, ..PublishProperties::default() };
        let copy = Publish { properties: Some(properties), ..message5("a/b", text, qos, pkid) };
        self.peer.send(copy).await;
        if qos != QoS::AtMostOnce {
            self.last = pkid;
            assert_eq!(self.peer.expect_puback().await.pkid, pkid);
        }
    }

    async fn expect(&mut self, texts: &[&str]) {
        for text in texts {
            assert_eq!(self.heard.line().await, format!("a/b {text}"));
        }
    }
}

/// A broker keeps nothing of QoS 0 for a client that is away: the copy for the filter at QoS 1 is the only one.
#[tokio::test]
async fn a_copy_at_qos_1_is_not_given_up_for_one_at_qos_0_that_never_comes() {
    let mut all = Overlapping::start([SubscribeOptions::default(), SubscribeOptions::at_least_once()]).await;
    all.send("alone", QoS::AtLeastOnce, 1).await;
    // Both copies of one message are one message.
    all.send("both", QoS::AtMostOnce, 0).await;
    all.send("both", QoS::AtLeastOnce, 1).await;
    all.send("last", QoS::AtLeastOnce, 1).await;
    all.expect(&["alone", "both", "last"]).await;
}

/// The copy for `a/b` came first and was let go, as that for `a/#` counts; then `a/#` is taken back.
#[tokio::test]
async fn the_copy_that_counts_does_so_after_its_filter_was_taken_back() {
    let mut all = Overlapping::start([SubscribeOptions::at_least_once(); 2]).await;
    for text in ["before", "between"] {
        all.send(text, QoS::AtLeastOnce, 1).await;
    }
    all.send("before", QoS::AtLeastOnce, 0).await;
    assert!(all.connection.unsubscribe("a/#", &all.listener).await.unwrap());
    let out = all.peer.expect_unsubscribe().await;
    all.send("before", QoS::AtLeastOnce, 0).await;
    all.send("between", QoS::AtLeastOnce, 0).await;
    all.send("between", QoS::AtLeastOnce, 0).await;
    all.peer.send(V5::write(Plain::Revoked { id: out.pkid, count: 1 })).await;
    all.send("after", QoS::AtLeastOnce, 0).await;
    all.send("after", QoS::AtLeastOnce, 1).await;
    all.send("end", QoS::AtLeastOnce, 1).await;
    all.expect(&["before", "between", "after", "end"]).await;
}

/// The same where it is asked for anew at QoS 0: from then on the copies for `a/b` count.
#[tokio::test]
async fn the_copy_that_counts_does_so_after_its_filter_stepped_back() {
    let mut all = Overlapping::start([SubscribeOptions::at_least_once(); 2]).await;
    all.send("between", QoS::AtLeastOnce, 1).await;
    all.subscribe("a/#", SubscribeOptions::default()).await;
    all.send("between", QoS::AtLeastOnce, 0).await;
    all.send("after", QoS::AtMostOnce, 0).await;
    all.send("after", QoS::AtLeastOnce, 1).await;
    all.send("end", QoS::AtLeastOnce, 1).await;
    all.expect(&["between", "after", "end"]).await;
}

/// Before its QoS is raised, the copies for `a/#` do not count, and those for `a/b` still do for the messages of that time.
#[tokio::test]
async fn a_copy_at_qos_1_is_not_given_up_for_one_that_came_at_qos_0_before_that_was_raised() {
    let mut all = Overlapping::start([SubscribeOptions::default(), SubscribeOptions::at_least_once()]).await;
    all.send("between", QoS::AtMostOnce, 0).await;
    all.subscribe("a/#", SubscribeOptions::at_least_once()).await;
    all.send("between", QoS::AtLeastOnce, 1).await;
    for text in ["after", "end"] {
        all.send(text, QoS::AtLeastOnce, 0).await;
        all.send(text, QoS::AtLeastOnce, 1).await;
    }
    all.expect(&["between", "after", "end"]).await;
}
