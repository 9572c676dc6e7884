//! How a connection ends.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wirework::Error;
use wirework::mqtt::{
    LinkState, MqttClient, MqttConnection, MqttMessage, MqttMessageListener, PublishOptions, Remaining,
    SubscribeOptions,
};

use crate::common::{context, listener, opened, opened_keeping};
use crate::support::fake_broker::{FakeBroker, Packet, Peer, PubAck, QoS, UnsubAck, message};
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
async fn close_tells_of_messages_without_guarantee_that_the_broker_did_not_take() {
    let broker = FakeBroker::start().await;
    let (connection, _peer) = opened(&broker, &[("options.close_timeout", "100")]).await;
    let client = connection.client().unwrap();
    // More than the buffers of both sockets hold: the broker does not read.
    let mut deliveries = Vec::new();
    for _ in 0..600 {
        deliveries.push(client.send("t", vec![0; 64 * 1024], PublishOptions::default()).await.unwrap());
    }
    within("the end", connection.close(&context())).await.unwrap();
    let mut failed = 0;
    for delivery in deliveries {
        failed += usize::from(within("a delivery", delivery).await.is_err());
    }
    let LinkState::Closed(remaining) = client.state().borrow().clone() else { panic!("not closed") };
    assert_eq!(remaining.publishes, failed);
    assert!(failed > 0);
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

/// Subscribes one listener to these filters.
async fn subscribed(
    connection: &MqttConnection,
    peer: &mut Peer,
    filters: &[&str],
) -> Arc<dyn MqttMessageListener> {
    let (listener, _) = listener();
    for filter in filters {
        let options = SubscribeOptions::at_least_once();
        let asked = connection.subscribe(filter, options, Arc::clone(&listener));
        tokio::join!(asked, peer.grant()).0.unwrap();
    }
    listener
}

fn remaining(client: &MqttClient) -> Option<Remaining> {
    let LinkState::Closed(remaining) = client.state().borrow().clone() else { return None };
    Some(remaining)
}

#[tokio::test]
async fn close_has_a_kept_session_forget_what_was_unsubscribed() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let client = connection.client().unwrap();
    let listener = subscribed(&connection, &mut peer, &["a", "b"]).await;
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    let first = peer.expect_unsubscribe().await;
    assert!(connection.unsubscribe("b", &listener).await.unwrap());
    let script = async {
        // Only now, as the close has begun, the second one may go out.
        peer.send(UnsubAck::new(first.pkid)).await;
        let second = peer.expect_unsubscribe().await;
        assert_eq!(second.topics, ["b"]);
        peer.send(UnsubAck::new(second.pkid)).await;
        peer.expect_disconnect().await;
        drop(peer);
    };
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), script);
    closed.unwrap();
    assert!(remaining(&client).unwrap().is_nothing());
}

#[tokio::test]
async fn close_has_it_forgotten_over_a_new_link_where_there_is_none() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let client = connection.client().unwrap();
    let listener = subscribed(&connection, &mut peer, &["a"]).await;
    peer.reset();
    let mut state = client.state();
    within("the loss", state.wait_for(|state| matches!(state, LinkState::Down(_)))).await.unwrap();
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    let script = async {
        let (mut peer, _) = broker.accept_session(true).await;
        let unsubscribe = peer.expect_unsubscribe().await;
        peer.send(UnsubAck::new(unsubscribe.pkid)).await;
        peer.expect_disconnect().await;
    };
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), script);
    closed.unwrap();
    assert!(remaining(&client).unwrap().is_nothing());
}

#[tokio::test]
async fn close_tells_which_filters_the_broker_may_still_have() {
    let broker = FakeBroker::start().await;
    let more = [("client_id", "me"), ("options.clean_session", "false"), ("options.close_timeout", "100")];
    let (connection, mut peer) = opened(&broker, &more).await;
    let client = connection.client().unwrap();
    let listener = subscribed(&connection, &mut peer, &["a", "b"]).await;
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    peer.expect_unsubscribe().await;
    assert!(connection.unsubscribe("b", &listener).await.unwrap());
    peer.expect_unsubscribe().await;
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), async {
        peer.expect_disconnect().await;
        drop(peer);
    });
    closed.unwrap();
    let remaining = remaining(&client).unwrap();
    assert_eq!(remaining.filters, 2);
    assert!(remaining.to_string().ends_with(", 2 filters not taken back"));
}

#[tokio::test]
async fn a_session_that_ends_with_the_link_needs_no_unsubscribing() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let listener = subscribed(&connection, &mut peer, &["a", "b"]).await;
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    peer.expect_unsubscribe().await;
    assert!(connection.unsubscribe("b", &listener).await.unwrap());
    peer.expect_unsubscribe().await;
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), async {
        assert!(matches!(peer.next("DISCONNECT").await, Some(Packet::Disconnect)));
        drop(peer);
    });
    closed.unwrap();
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

/// A listener that blocks its thread cannot be ended; the connection ends without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_does_not_wait_for_a_listener_that_blocks_its_thread() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.close_timeout", "100")]).await;
    let client = connection.client().unwrap();
    let inside = Arc::new(Semaphore::new(0));
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let blocks = {
        let (inside, gate) = (Arc::clone(&inside), std::sync::Mutex::new(gate));
        move |_: MqttMessage| {
            inside.add_permits(1);
            // Until the other end is gone.
            gate.lock().unwrap().recv().unwrap_err();
            std::future::ready(Ok(()))
        }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(blocks)), peer.grant());
    granted.unwrap();
    peer.send(message("t", "x", QoS::AtLeastOnce, 1)).await;
    within("the listener", inside.acquire()).await.unwrap().forget();
    within("the close", connection.close(&context())).await.unwrap();
    assert_eq!(remaining(&client).unwrap().messages, 1);
    drop(open);
}
