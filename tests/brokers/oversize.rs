//! Messages that are too large: for mosquitto, and for the client.

use std::sync::Arc;

use tokio::sync::mpsc;
use wirework::Error;
use wirework::mqtt::{MqttMessage, PublishOptions, QoS, SubscribeOptions};

use crate::load::{connect, context, within};
use crate::support::mosquitto::Mosquitto;

/// On 3.1.1 a broker cannot say how large a packet may be, and ends the link of whoever sends a larger one. Neighbours of such
/// a message arrive, and it fails.
#[tokio::test]
async fn a_message_that_is_too_large_fails_alone() {
    let Some(broker) =
        Mosquitto::start_with("allow_anonymous true\nmax_packet_size 2000\nset_tcp_nodelay true\n").await
    else {
        return;
    };
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let connection = connect(&format!("{qos:?}"), &[broker.port], &[]).await;
        let client = connection.client().unwrap();
        let mut deliveries = Vec::new();
        for number in 0..20 {
            let size = if number == 10 { 5000 } else { 100 };
            deliveries
                .push(client.send("t", vec![7; size], PublishOptions::default().qos(qos)).await.unwrap());
        }
        for (number, delivery) in deliveries.into_iter().enumerate() {
            match within("the end of a publish", delivery).await.map_err(Error::from) {
                Ok(()) => assert_ne!(number, 10),
                Err(error) => assert_eq!((number, error.code()), (10, "PUBLISH_ENDS_LINKS")),
            }
        }
        within("the close", connection.close(&context())).await.unwrap();
    }
}

/// A message that the broker keeps and that is too large for the client: on 3.1.1 it comes and is read past, on 5 mosquitto
/// leaves it out. Either way the link stays, whatever is subscribed to, and others arrive.
#[tokio::test]
async fn a_kept_message_that_is_too_large_for_the_client_leaves_its_link_alone() {
    let Some(broker) = Mosquitto::start().await else { return };
    let writer = connect("writer", &[broker.port], &[]).await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let (topic, options) = (format!("kept/{qos:?}"), PublishOptions::default().qos(qos).retain());
        within("a publish", writer.publish(topic, vec![7; 100_000], options)).await.unwrap();
    }
    for version in ["3.1.1", "5"] {
        let more = [("options.protocol_version", version), ("options.max_packet_size", "20000")];
        let reader = connect(&format!("reader {version}"), &[broker.port], &more).await;
        let client = reader.client().unwrap();
        let mut state = client.state();
        state.mark_unchanged();
        let (sender, mut heard) = mpsc::unbounded_channel();
        let listener = move |message: MqttMessage| {
            // A test that is over listens no more.
            let _ = sender.send(message.topic.to_string());
            std::future::ready(Ok(()))
        };
        let options = SubscribeOptions::exactly_once();
        within("the grant", reader.subscribe("#", options, Arc::new(listener))).await.unwrap();
        for number in 0..3 {
            let options = PublishOptions::exactly_once();
            within("a publish", writer.publish(format!("live/{number}"), "x", options)).await.unwrap();
            assert_eq!(within("a message", heard.recv()).await, Some(format!("live/{number}")));
        }
        assert!(!state.has_changed().unwrap(), "the link is the first one");
        within("the close", reader.close(&context())).await.unwrap();
    }
    within("the close", writer.close(&context())).await.unwrap();
}
