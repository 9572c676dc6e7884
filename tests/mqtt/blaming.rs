//! A message for which the broker ends every link.

use wirework::Error;
use wirework::mqtt::{PublishOptions, QoS};

use crate::common::{connection, connection_to, context};
use crate::support::fake_broker::{FakeBroker, Packet, PubAck, PubComp, PubRec};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// A broker that takes everything but the message `poison`, for which it closes the stream. Returns what it took, and how
/// often it saw that one.
async fn picky(broker: &FakeBroker) -> (Vec<String>, usize) {
    let (mut took, mut poisoned, mut known) = (Vec::new(), 0, false);
    loop {
        let (mut peer, _) = broker.accept_session(known).await;
        known = true;
        while let Some(packet) = peer.next("a packet").await {
            match packet {
                Packet::Publish(publish) if publish.payload == "poison" => {
                    poisoned += 1;
                    break;
                }
                Packet::Publish(publish) => {
                    took.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                    match publish.qos as u8 {
                        0 => {}
                        1 => peer.send(PubAck::new(publish.pkid)).await,
                        _ => peer.send(PubRec::new(publish.pkid)).await,
                    }
                }
                Packet::PubRel(release) => peer.send(PubComp::new(release.pkid)).await,
                Packet::Disconnect => return (took, poisoned),
                _ => {}
            }
        }
    }
}

async fn one_goes_and_the_rest_arrives(qos: QoS) {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("client_id", "me"), ("options.clean_session", "false")]);
    let work = async {
        connection.open(&context()).await.unwrap();
        let client = connection.client().unwrap();
        let mut deliveries = Vec::new();
        for payload in ["1", "2", "poison", "3", "4"] {
            let options = PublishOptions::default().qos(qos);
            deliveries.push(client.send("t", payload, options).await.unwrap());
        }
        for (place, delivery) in deliveries.into_iter().enumerate() {
            let end = within("the end of a publish", delivery).await.map_err(Error::from);
            match end {
                Ok(()) => assert_ne!(place, 2),
                Err(error) => {
                    assert_eq!((place, error.code()), (2, "PUBLISH_ENDS_LINKS"));
                    let chain = error.chain();
                    assert!(
                        chain.contains("3 links in a row on the message on `t` (6 bytes, QoS "),
                        "{chain}"
                    );
                }
            }
        }
        within("one more", connection.publish("t", "5", PublishOptions::default().qos(qos))).await.unwrap();
        within("the close", connection.close(&context())).await.unwrap();
    };
    let ((), (took, poisoned)) = tokio::join!(work, picky(&broker));
    // Twice among others, three times alone; links with acknowledgements do not count.
    assert!((5..=7).contains(&poisoned), "{poisoned}");
    let first: Vec<&String> =
        took.iter().enumerate().filter(|(at, one)| !took[..*at].contains(one)).map(|(_, one)| one).collect();
    assert_eq!(first, ["1", "2", "3", "4", "5"], "each arrives, in its order");
}

#[tokio::test]
async fn the_message_that_ends_each_link_is_given_up_and_the_rest_arrives() {
    one_goes_and_the_rest_arrives(QoS::AtLeastOnce).await;
    one_goes_and_the_rest_arrives(QoS::ExactlyOnce).await;
}

/// One message that mosquitto ends links for, and one beside it.
async fn a_neighbour_arrives(settings: &str, topic: &'static str, payload: Vec<u8>) {
    let Some(broker) = Mosquitto::start_with(&format!("allow_anonymous true\n{settings}")).await else {
        return;
    };
    let connection = connection_to(broker.port, &[("options.allow_control_characters", "true")]);
    within("the link", connection.open(&context())).await.unwrap();
    let client = connection.client().unwrap();
    let poison = client.send(topic, payload, PublishOptions::at_least_once()).await.unwrap();
    let neighbour = client.send("beside", "x", PublishOptions::at_least_once()).await.unwrap();
    let error = Error::from(within("the end of the one", poison).await.unwrap_err());
    assert_eq!(error.code(), "PUBLISH_ENDS_LINKS", "{}", error.chain());
    assert!(!error.chain().contains("another client"), "{}", error.chain());
    within("the other", neighbour).await.unwrap();
    within("the close", connection.close(&context())).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_for_mosquitto_stops_nobody_else() {
    a_neighbour_arrives("max_packet_size 131072\n", "large", vec![7; 140_000]).await;
}

#[tokio::test]
async fn a_topic_with_a_line_break_is_refused_here_or_stops_nobody_else_at_mosquitto() {
    let broker = FakeBroker::start().await;
    let (connection, _peer) = crate::common::opened(&broker, &[]).await;
    let topics = [("a\nb", "U+000A"), ("a\u{7f}", "U+007F"), ("\u{85}", "U+0085")];
    for (topic, named) in topics {
        let published = connection.publish(topic, "x", PublishOptions::at_least_once()).await;
        let (listener, _heard) = crate::common::listener();
        let subscribed = connection.subscribe(topic, Default::default(), listener).await;
        for error in [published.unwrap_err(), subscribed.err().unwrap()].map(Error::from) {
            assert_eq!(error.code(), "BAD_TOPIC");
            assert!(error.to_string().contains(named) && !error.to_string().contains(topic), "{error}");
        }
    }
    a_neighbour_arrives("", "a\nb", b"x".to_vec()).await;
}
