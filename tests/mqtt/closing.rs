//! How a connection ends.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wirework::Error;
use wirework::mqtt::{LinkState, MqttMessage, PublishOptions, SubscribeOptions};

use crate::common::{context, opened};
use crate::support::fake_broker::{FakeBroker, PubAck, QoS, message};
use crate::support::within;

#[tokio::test]
async fn close_waits_for_acknowledgements_and_says_good_bye() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    let publish = peer.expect_publish().await;
    let closing = {
        let connection = Arc::clone(&connection);
        tokio::spawn(async move { connection.close(&context()).await })
    };
    within("the close to begin", async {
        while client.try_publish("t", "late", PublishOptions::at_least_once()).is_ok() {
            let late = peer.expect_publish().await;
            peer.send(PubAck::new(late.pkid)).await;
        }
    })
    .await;
    assert!(!closing.is_finished());
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
    peer.expect_disconnect().await;
    peer.expect_end().await;
    drop(peer);
    within("the close", closing).await.unwrap().unwrap();
    assert!(!connection.is_open());
    let error = client.publish("t", "x", PublishOptions::default()).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "NOT_OPEN");
    connection.close(&context()).await.unwrap();
    let context = context();
    let (opened, _) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    assert!(connection.is_open());
}

#[tokio::test]
async fn close_lets_a_listener_finish_and_acknowledges() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::new(Semaphore::new(0));
    let slow = {
        let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
        move |_: MqttMessage| {
            let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
            async move {
                inside.add_permits(1);
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(slow)), peer.grant());
    granted.unwrap();
    peer.send(message("t", "x", QoS::AtLeastOnce, 1)).await;
    within("the listener", inside.acquire()).await.unwrap().forget();
    let context = context();
    let script = async {
        gate.add_permits(1);
        assert_eq!(peer.expect_puback().await.pkid, 1);
        peer.expect_disconnect().await;
        drop(peer);
    };
    let (closed, ()) = tokio::join!(connection.close(&context), script);
    closed.unwrap();
}

#[tokio::test]
async fn close_ends_at_its_deadline_and_tells_what_was_left() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.close_timeout", "100")]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    peer.expect_publish().await;
    let context = context();
    let (closed, ()) = tokio::join!(connection.close(&context), async {
        peer.expect_disconnect().await;
        drop(peer);
    });
    closed.unwrap();
    assert_eq!(Error::from(within("the delivery", delivery).await.unwrap_err()).code(), "CLOSED");
    let LinkState::Closed(remaining) = client.state().borrow().clone() else { panic!("not closed") };
    assert_eq!((remaining.publishes, remaining.messages), (1, 0));
}

#[tokio::test]
async fn close_while_the_link_is_down_ends_at_once_when_nothing_is_left() {
    let broker = FakeBroker::start().await;
    let more = [("options.reconnect_timeout", "60000"), ("options.max_reconnect_timeout", "60000")];
    let (connection, peer) = opened(&broker, &more).await;
    let client = connection.client().unwrap();
    peer.reset();
    let mut state = client.state();
    within("the loss", state.wait_for(|state| matches!(state, LinkState::Down(_)))).await.unwrap();
    within("the close", connection.close(&context())).await.unwrap();
}

#[tokio::test]
async fn dropped_without_a_close_nothing_stays_behind() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    drop(connection);
    assert!(peer.next("the end of the connection").await.is_none());
}

#[tokio::test]
async fn an_open_that_is_given_up_leaves_nothing_behind() {
    let broker = FakeBroker::start().await;
    let connection = crate::common::connection(&broker, &[]);
    let opening = {
        let connection = Arc::clone(&connection);
        tokio::spawn(async move { connection.open(&context()).await })
    };
    let (mut peer, _) = broker.accept_connect().await;
    opening.abort();
    assert!(peer.next("the end of the connection").await.is_none());
    assert!(!connection.is_open());
}
