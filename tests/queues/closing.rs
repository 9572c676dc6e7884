//! What becomes of the messages that a queue holds when it closes while the connection that it shares goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wirework::messaging::MessageQueue;
use wirework::mqtt::MqttConnection;

use crate::behaviours::{next, receive, send};
use crate::kinds::{connected, context, queue};
use crate::support::mosquitto::Mosquitto;

/// More than mosquitto sends at a time to one client.
const MANY: usize = 25;

/// A persistent session; a quick way back to a new link.
const KEPT: [(&str, &str); 3] =
    [("client_id", "worker"), ("options.clean_session", "false"), ("options.reconnect_timeout", "10")];

/// A queue with its connection, and another that only sends to it.
async fn queues(
    broker: &Mosquitto,
    session: &[(&str, &str)],
) -> (Arc<MqttConnection>, Arc<dyn MessageQueue>, Arc<dyn MessageQueue>) {
    let shared = connected(broker.port, session).await;
    let orders = queue("orders", &shared, &[], &context()).await;
    let elsewhere = connected(broker.port, &[]).await;
    let sender = queue("orders", &elsewhere, &[("options.autosubscribe", "false")], &context()).await;
    (shared, orders, sender)
}

/// Waits until so many messages have come.
async fn holds(queue: &Arc<dyn MessageQueue>, count: usize) {
    crate::support::within("the messages to come", async {
        while queue.peek_batch(count).await.unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_kept_session_they_stay_and_hold_up_nobody() {
    let Some(broker) = Mosquitto::start().await else { return };
    let (shared, orders, sender) = queues(&broker, &[]).await;
    let others = queue("others", &shared, &[], &context()).await;
    for number in 0..20 {
        send(&sender, &number.to_string()).await;
    }
    holds(&orders, 20).await;
    let locked = receive(&orders).await;
    orders.close(&context()).await.unwrap();
    // All of what mosquitto sends at a time was held; the others go on nevertheless.
    for number in 0..MANY {
        send(&others, &number.to_string()).await;
        assert_eq!(next(&others).await, number.to_string());
    }
    orders.complete(&locked).await.unwrap();
    orders.open(&context()).await.unwrap();
    for number in 1..20 {
        assert_eq!(next(&orders).await, number.to_string());
    }
}

#[tokio::test]
async fn what_had_no_room_stays_too() {
    let Some(broker) = Mosquitto::start().await else { return };
    let shared = connected(broker.port, &[]).await;
    let orders = queue("orders", &shared, &[("options.capacity", "2")], &context()).await;
    let others = queue("others", &shared, &[], &context()).await;
    let elsewhere = connected(broker.port, &[]).await;
    let sender = queue("orders", &elsewhere, &[("options.autosubscribe", "false")], &context()).await;
    // Each time all of what mosquitto sends at a time.
    for round in 0..2 {
        for number in 0..20 {
            send(&sender, &(round * 20 + number).to_string()).await;
        }
        holds(&orders, (round + 1) * 20).await;
        orders.close(&context()).await.unwrap();
        orders.open(&context()).await.unwrap();
    }
    for number in 0..MANY {
        send(&others, &number.to_string()).await;
        assert_eq!(next(&others).await, number.to_string());
    }
    for number in 0..40 {
        assert_eq!(next(&orders).await, number.to_string());
    }
}

#[tokio::test]
async fn with_a_kept_session_they_come_again_when_the_queue_opens() {
    let Some(broker) = Mosquitto::start().await else { return };
    let (shared, orders, sender) = queues(&broker, &KEPT).await;
    let others = queue("others", &shared, &[], &context()).await;
    for number in 0..5 {
        send(&sender, &number.to_string()).await;
    }
    holds(&orders, 5).await;
    receive(&orders).await;
    orders.close(&context()).await.unwrap();
    for number in 5..MANY {
        send(&sender, &number.to_string()).await;
    }
    orders.open(&context()).await.unwrap();
    // What was still on its way when the queue opened may come before them, and twice.
    let mut missing: BTreeSet<_> = (0..MANY).map(|number| number.to_string()).collect();
    while !missing.is_empty() {
        missing.remove(&next(&orders).await);
    }
    send(&others, "a").await;
    assert_eq!(next(&others).await, "a");
    assert!(shared.is_open());
}
