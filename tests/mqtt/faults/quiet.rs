//! Links that say nothing, and a driver that does nothing meanwhile.

use std::time::Duration;

use wirework::mqtt::{LinkError, LinkState, PublishOptions};

use crate::common::{context, opened};
use crate::support::fake_broker::{FakeBroker, PubAck};
use crate::support::process::free_port;
use crate::support::within;

/// How often this thread has gone to sleep so far.
fn naps() -> u64 {
    tokio::runtime::Handle::current().metrics().worker_park_count(0)
}

/// A half-open link: the broker neither reads nor answers, and does not close. It is found by the keep-alive, the driver
/// sleeps until then, and what was published arrives over the next link.
#[tokio::test]
async fn a_half_open_link_is_found_without_spinning() {
    let broker = FakeBroker::start().await;
    let (connection, silent) = opened(&broker, &[("options.keepalive_timeout", "1000")]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    let mut state = client.state();
    let before = naps();
    let lost = within("the loss", state.wait_for(|state| matches!(state, LinkState::Down(_)))).await;
    assert!(matches!(&*lost.unwrap(), LinkState::Down(LinkError::Silent(_))));
    let spent = naps() - before;
    assert!(spent < 50, "woken {spent} times on a silent link");
    let (mut peer, _) = broker.accept_session(false).await;
    let publish = peer.expect_publish().await;
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
    drop(silent);
}

/// A link that is up and idle, with a publish that waits for its acknowledgement and a listener with nothing to do.
#[tokio::test]
async fn an_idle_link_wakes_nobody() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    let _waits = client.send("t", "x", PublishOptions::exactly_once()).await.unwrap();
    peer.expect_publish().await;
    tokio::task::yield_now().await;
    let before = naps();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let spent = naps() - before;
    assert!(spent < 20, "woken {spent} times on an idle link");
}

/// Nobody listens where the broker was: the waits between attempts grow.
#[tokio::test]
async fn attempts_are_spaced_while_the_broker_is_gone() {
    let broker = FakeBroker::start().await;
    let more = [("options.reconnect_timeout", "40"), ("options.max_reconnect_timeout", "1000")];
    let (connection, peer) = opened(&broker, &more).await;
    drop(broker);
    let before = naps();
    peer.reset();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let spent = naps() - before;
    assert!(spent < 100, "woken {spent} times without a broker");
    assert!(connection.is_open());
}

/// Attempts go through the brokers in their order, but where the session is comes first.
#[tokio::test]
async fn brokers_are_tried_in_their_order() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let nobody = free_port().to_string();
    let ports = [nobody, first.port().to_string(), second.port().to_string()];
    let more = [
        ("connections.1.host", "127.0.0.1"),
        ("connections.1.port", ports[1].as_str()),
        ("connections.2.host", "127.0.0.1"),
        ("connections.2.port", ports[2].as_str()),
        ("connections.0.host", "127.0.0.1"),
        ("connections.0.port", ports[0].as_str()),
        ("options.reconnect_timeout", "1"),
        ("options.endpoint_cooldown", "0"),
        ("options.max_reconnect_timeout", "1"),
    ];
    let known: Vec<(&str, &str)> =
        more.into_iter().filter(|(key, _)| !key.ends_with("cooldown") || crate::common::knows(key)).collect();
    let connection = std::sync::Arc::new(wirework::mqtt::MqttConnection::from_pairs(known).unwrap());
    let open = context();
    // The first refuses to talk: the second is asked, in one sweep.
    let script = async {
        first.accept_connect().await.0.reset();
        second.accept_session(false).await
    };
    let (opened, (peer, _)) = tokio::join!(connection.open(&open), script);
    opened.unwrap();
    let client = connection.client().unwrap();
    peer.reset();
    // The second has gone silent meanwhile: the first is next.
    second.accept_connect().await.0.reset();
    let (peer, _) = first.accept_session(false).await;
    let mut state = client.state();
    let wanted = format!("127.0.0.1:{}", ports[1]);
    let at_first =
        |state: &LinkState| matches!(state, LinkState::Up { endpoint, .. } if endpoint.contains(&wanted));
    within("the first broker", state.wait_for(at_first)).await.unwrap();
    drop(peer);
}
