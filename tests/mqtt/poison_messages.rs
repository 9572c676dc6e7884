//! A message for which the broker ends every link: it is found and given up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wirework::Error;
use wirework::mqtt::{LinkState, MqttConnection, PublishOptions, QoS};

use crate::common::{connack5, connection, connection_to, context};
use crate::faults::version;
use crate::support::fake_broker::{Ack, FakeBroker, Peer, Plain, V4, V5, Version};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// So long nothing comes where nothing more will.
const QUIET: Duration = Duration::from_millis(50);

/// Which of many messages is the one that ends links: among the first that the broker takes, so that all the others are suspects.
const POISON: usize = 3;

/// A broker that takes everything but the message `poison`, for which it closes the stream, until a client sends DISCONNECT.
/// Returns what it took on each link, and how often it saw that one.
async fn picky<V: Version>(broker: &FakeBroker) -> (Vec<Vec<String>>, usize) {
    let (mut links, mut poisoned) = (Vec::<Vec<String>>::new(), 0);
    loop {
        let mut peer: Peer<V> = broker.accept_as().await;
        let Some(Plain::Connect { .. }) = peer.next("CONNECT").await.map(V::read) else { continue };
        let session_present = !links.is_empty();
        peer.send(V::write(Plain::Welcome { session_present, identifiers: true })).await;
        links.push(Vec::new());
        while let Some(packet) = peer.next("a packet").await.map(V::read) {
            let answer = match packet {
                Plain::Publish { payload, .. } if payload == "poison" => {
                    poisoned += 1;
                    break;
                }
                Plain::Publish { id, qos, payload, .. } => {
                    let payload = String::from_utf8(payload.to_vec()).unwrap();
                    links.last_mut().unwrap().push(payload);
                    let kind = if qos == 1 { Ack::Taken } else { Ack::Received };
                    Plain::Ack(kind, id)
                }
                Plain::Ack(Ack::Release, id) => Plain::Ack(Ack::Complete, id),
                Plain::Disconnect => return (links, poisoned),
                other => unreachable!("unexpected: {other:?}"),
            };
            peer.send(V::write(answer)).await;
        }
    }
}

/// A connection with a persistent session.
fn keeping<V: Version>(broker: &FakeBroker) -> Arc<MqttConnection> {
    let more = [("client_id", "me"), ("options.clean_session", "false")];
    connection(broker, &[&more, version::<V>()].concat())
}

async fn one_goes_and_the_rest_arrives<V: Version>(qos: QoS) {
    let broker = FakeBroker::start().await;
    let connection = keeping::<V>(&broker);
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
    let ((), (took, poisoned)) = tokio::join!(work, picky::<V>(&broker));
    // Twice among others, three times alone; links with acknowledgements do not count.
    assert!((5..=7).contains(&poisoned), "{poisoned}");
    let took = took.concat();
    let first: Vec<&String> =
        took.iter().enumerate().filter(|(at, one)| !took[..*at].contains(one)).map(|(_, one)| one).collect();
    assert_eq!(first, ["1", "2", "3", "4", "5"], "each arrives, in its order");
}

#[tokio::test]
async fn the_message_that_ends_each_link_is_given_up_and_the_rest_arrives() {
    one_goes_and_the_rest_arrives::<V4>(QoS::AtLeastOnce).await;
    one_goes_and_the_rest_arrives::<V4>(QoS::ExactlyOnce).await;
    one_goes_and_the_rest_arrives::<V5>(QoS::AtLeastOnce).await;
    one_goes_and_the_rest_arrives::<V5>(QoS::ExactlyOnce).await;
}

/// Whenever the link ends, somebody publishes one more message, to a topic of its own.
async fn others_arrive_meanwhile<V: Version>() {
    let broker = FakeBroker::start().await;
    let connection = keeping::<V>(&broker);
    let work = async {
        connection.open(&context()).await.unwrap();
        let client = connection.client().unwrap();
        let mut state = client.state();
        let options = PublishOptions::at_least_once();
        let mut poison = client.send("bad", "poison", options.clone()).await.unwrap();
        let mut others = Vec::new();
        let error = loop {
            let ended = async {
                within("the end of a link", state.wait_for(|state| matches!(state, LinkState::Down(_))))
                    .await
                    .map(drop)
            };
            tokio::select! {
                biased;
                end = &mut poison => break Error::from(end.unwrap_err()),
                ended = ended => ended.unwrap(),
            }
            let topic = format!("good/{}", others.len());
            others.push(client.send(&*topic, topic.clone(), options.clone()).await.unwrap());
            let up = state.wait_for(|state| matches!(state, LinkState::Up { .. }));
            within("another link", up).await.unwrap();
        };
        assert_eq!(error.code(), "PUBLISH_ENDS_LINKS", "{}", error.chain());
        for other in others {
            within("another message", other).await.unwrap();
        }
        within("the close", connection.close(&context())).await.unwrap();
    };
    let ((), (links, poisoned)) = tokio::join!(work, picky::<V>(&broker));
    assert_eq!((links.len(), poisoned), (6, 5), "{links:?}");
    // From the third link on it is looked for.
    for (place, took) in links.iter().enumerate().skip(2) {
        assert!(!took.is_empty(), "nothing arrived on link {}: {links:?}", place + 1);
    }
}

#[tokio::test]
async fn other_messages_arrive_on_every_link_on_which_one_that_ends_links_is_looked_for() {
    others_arrive_meanwhile::<V4>().await;
    others_arrive_meanwhile::<V5>().await;
}

/// Publishes a message of QoS 1, and on each link one of QoS 0 for which the broker ends it: at first before it has
/// acknowledged the other.
async fn qos_0_is_to_blame_alone<V: Version>() {
    let broker = FakeBroker::start().await;
    let connection = keeping::<V>(&broker);
    let client = async {
        connection.open(&context()).await.unwrap();
        let client = connection.client().unwrap();
        let mut state = client.state();
        let mut innocent = client.send("good", "innocent", PublishOptions::at_least_once()).await.unwrap();
        loop {
            // Whoever sends it is not told that the link has ended for it.
            drop(client.send("bad", "poison", PublishOptions::default().wait()).await.unwrap());
            let up = state.wait_for(|state| matches!(state, LinkState::Up { .. }));
            within("a link", up).await.unwrap();
            let ended = async {
                let down = state.wait_for(|state| matches!(state, LinkState::Down(_)));
                within("the end of a link", down).await.map(drop)
            };
            tokio::select! {
                biased;
                end = &mut innocent => break end.unwrap(),
                ended = ended => ended.unwrap(),
            }
        }
        within("the close", connection.close(&context())).await.unwrap();
    };
    let server = async {
        for link in 1.. {
            let mut peer: Peer<V> = broker.accept_as().await;
            let Some(Plain::Connect { .. }) = peer.next("CONNECT").await.map(V::read) else { continue };
            peer.send(V::write(Plain::Welcome { session_present: link > 1, identifiers: true })).await;
            while let Some(packet) = peer.next("a packet").await.map(V::read) {
                match packet {
                    Plain::Publish { qos: 0, .. } => break,
                    Plain::Publish { .. } if link < 3 => {}
                    Plain::Publish { id, .. } => peer.send(V::write(Plain::Ack(Ack::Taken, id))).await,
                    Plain::Disconnect => break,
                    other => unreachable!("unexpected: {other:?}"),
                }
            }
        }
    };
    // Whether there is a link to send DISCONNECT on depends on when the last message of QoS 0 goes out.
    tokio::select! {
        () = client => {}
        () = server => unreachable!("it serves for ever"),
    }
}

#[tokio::test]
async fn a_message_of_qos_0_that_ends_links_is_not_blamed_on_others() {
    qos_0_is_to_blame_alone::<V4>().await;
    qos_0_is_to_blame_alone::<V5>().await;
}

/// How many messages of QoS 1 the broker of the next test takes at a time, from its second link on.
const AT_A_TIME: usize = 10;

/// What such a broker saw.
#[derive(Default)]
struct Limited {
    /// Which messages arrived.
    took: BTreeSet<String>,
    /// How many were unacknowledged at most on a link with the limit.
    most: usize,
    /// How many links ended because the client went beyond it.
    exceeded: usize,
}

/// A broker that ends the link on `poison`, without a word, and on more messages at a time than it grants, with 0x93. It
/// acknowledges only when nothing more comes, so that each group goes out whole. On the first link it grants as many as MQTT has, and
/// takes `first` before it ends it: all of them are suspects then. Until a client sends DISCONNECT.
async fn limited(broker: &FakeBroker, first: usize) -> Limited {
    let mut seen = Limited::default();
    for link in 1.. {
        let mut peer: Peer<V5> = broker.accept_as().await;
        let Some(Plain::Connect { .. }) = peer.next("CONNECT").await.map(V5::read) else { continue };
        let properties: &[u8] = if link == 1 { &[] } else { &[33, 0, AT_A_TIME as u8] };
        peer.send_raw(&connack5(link > 1, properties)).await;
        let mut held = Vec::new();
        loop {
            let Ok(packet) = tokio::time::timeout(QUIET, peer.next("a packet")).await else {
                for id in held.drain(..).filter(|_| link > 1) {
                    peer.send(V5::write(Plain::Ack(Ack::Taken, id))).await;
                }
                continue;
            };
            match packet.map(V5::read) {
                Some(Plain::Publish { payload, .. }) if link > 1 && payload == "poison" => break,
                Some(Plain::Publish { id, payload, .. }) => {
                    held.push(id);
                    if link == 1 {
                        if held.len() == first { break } else { continue }
                    }
                    seen.most = seen.most.max(held.len());
                    if held.len() > AT_A_TIME {
                        seen.exceeded += 1;
                        peer.send_raw(&[0xe0, 1, 0x93]).await;
                        break;
                    }
                    seen.took.insert(String::from_utf8(payload.to_vec()).unwrap());
                }
                Some(Plain::Disconnect) => return seen,
                None => break,
                other => unreachable!("unexpected: {other:?}"),
            }
        }
    }
    seen
}

/// Groups of suspects grow to more than the broker takes at a time.
#[tokio::test]
async fn suspects_go_out_within_the_receive_maximum_of_the_broker() {
    let broker = FakeBroker::start().await;
    let connection = keeping::<V5>(&broker);
    let payloads: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let work = async {
        connection.open(&context()).await.unwrap();
        let client = connection.client().unwrap();
        let mut deliveries = Vec::new();
        for (place, payload) in payloads.iter().enumerate() {
            let payload = if place == POISON { "poison" } else { payload };
            deliveries
                .push(client.send("t", payload.to_owned(), PublishOptions::at_least_once()).await.unwrap());
        }
        for (place, delivery) in deliveries.into_iter().enumerate() {
            let end = within("the end of a publish", delivery).await.map_err(Error::from);
            match end {
                Ok(()) => assert_ne!(place, POISON),
                Err(error) => assert_eq!((place, error.code()), (POISON, "PUBLISH_ENDS_LINKS"), "{error}"),
            }
        }
        within("the close", connection.close(&context())).await.unwrap();
    };
    let ((), seen) = tokio::join!(work, limited(&broker, payloads.len()));
    assert_eq!((seen.exceeded, seen.most), (0, AT_A_TIME));
    let others = payloads.into_iter().enumerate().filter(|(place, _)| *place != POISON);
    assert_eq!(seen.took, others.map(|(_, payload)| payload).collect());
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
