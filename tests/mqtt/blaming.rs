//! A message for which the broker ends every link.

use wirework::Error;
use wirework::mqtt::{PublishOptions, QoS};

use crate::common::{connection, context};
use crate::support::fake_broker::{FakeBroker, Packet, PubAck, PubComp, PubRec};
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
