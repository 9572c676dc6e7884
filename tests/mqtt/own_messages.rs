//! `no_local` beside a wider filter of the same connection that does bring what the connection itself publishes.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{MqttConnection, PublishOptions, SubscribeOptions};

use crate::common::{Heard, connection_to, context, listener, opened5};
use crate::support::fake_broker::five::{Publish, PublishProperties};
use crate::support::fake_broker::{FakeBroker, message5};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

async fn connect(port: u16) -> Arc<MqttConnection> {
    let connection = connection_to(port, &[("options.protocol_version", "5")]);
    within("the connection", connection.open(&context())).await.unwrap();
    connection
}

async fn subscribe(connection: &MqttConnection, filter: &str) -> Heard {
    let (listener, heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let options = if filter == "a/b" { options.no_local() } else { options };
    connection.subscribe(filter, options, listener).await.unwrap();
    heard
}

/// The narrow one hears others only, the wide one everybody, whichever was there first.
async fn prove(port: u16) {
    for filters in [["a/#", "a/b"], ["a/b", "a/#"]] {
        let (own, other) = (connect(port).await, connect(port).await);
        let (mut first, mut second) = (subscribe(&own, filters[0]).await, subscribe(&own, filters[1]).await);
        let (wide, narrow) =
            if filters[0] == "a/#" { (&mut first, &mut second) } else { (&mut second, &mut first) };
        for (connection, text) in [(&own, "own"), (&other, "other"), (&own, "own"), (&other, "last")] {
            within("a publish", connection.publish("a/b", text, PublishOptions::at_least_once()))
                .await
                .unwrap();
        }
        for text in ["own", "other", "own", "last"] {
            assert_eq!(wide.line().await, format!("a/b {text}"), "{filters:?}");
        }
        for text in ["other", "last"] {
            assert_eq!(narrow.line().await, format!("a/b {text}"), "{filters:?}");
        }
        assert!(wide.is_empty() && narrow.is_empty());
        for connection in [own, other] {
            connection.close(&context()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn at_mosquitto_a_wider_filter_brings_own_messages_to_its_own_listener_alone() {
    let Some(broker) = Mosquitto::start().await else { return };
    prove(broker.port).await;
}

#[tokio::test]
async fn at_the_embedded_broker_too() {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    prove(broker.address().unwrap().port()).await;
    broker.close(&context).await.unwrap();
}

/// With identifiers each filter has a SUBSCRIBE of its own, with its own options, and a copy goes to the listeners of the
/// filters that it names.
#[tokio::test]
async fn a_copy_that_names_the_wider_filter_alone_is_not_for_the_narrower_one() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[], &[]).await;
    let mut ids = Vec::new();
    let mut all = Vec::new();
    for filter in ["a/b", "a/#"] {
        let (heard, sent) = tokio::join!(subscribe(&connection, filter), peer.grant());
        assert_eq!((sent.filters[0].path.as_str(), sent.filters[0].nolocal), (filter, filter == "a/b"));
        ids.push(sent.properties.and_then(|properties| properties.id).unwrap());
        all.push(heard);
    }
    for (text, subscription_identifiers) in [("own", vec![ids[1]]), ("other", ids.clone())] {
        let properties = PublishProperties { subscription_identifiers, ..PublishProperties::default() };
        peer.send(Publish { properties: Some(properties), ..message5("a/b", text, QoS::AtMostOnce, 0) })
            .await;
    }
    assert_eq!(all[1].line().await, "a/b own");
    assert_eq!(all[1].line().await, "a/b other");
    assert_eq!(all[0].line().await, "a/b other", "and nothing of its own");
}
