//! Groups of queues at a broker that has no shared subscriptions, as README says.

use std::time::Duration;

use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::mqtt::MqttMessageQueue;

use crate::load::{context, within};
use crate::support::nats::Cluster;

async fn opened(port: u16, id: &str, group: Option<&str>) -> Result<MqttMessageQueue, wirework::Error> {
    let port = port.to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("client_id", id),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.connect_timeout", "50000"),
    ];
    pairs.extend(group.map(|group| ("group", group)));
    let queue = MqttMessageQueue::from_pairs("jobs", pairs).unwrap();
    within("opening", queue.open(&context())).await?;
    Ok(queue)
}

/// NATS 2.9 grants such a subscription all the same.
#[tokio::test]
async fn nats_grants_a_group_and_sends_it_nothing() {
    let Some(cluster) = Cluster::start().await else { return };
    let port = cluster.nodes[0].port;
    let alone = opened(port, "alone", None).await.unwrap();
    let member = opened(port, "member", Some("workers")).await.unwrap();
    for text in ["a", "b"] {
        within("sending", alone.send(MessageEnvelope::new("t", text))).await.unwrap();
    }
    for text in ["a", "b"] {
        let message = alone.receive(Duration::from_secs(30)).await.unwrap().unwrap();
        assert_eq!(message.text(), Some(text));
        alone.complete(&message).await.unwrap();
    }
    assert!(member.receive(Duration::ZERO).await.unwrap().is_none());
    for queue in [alone, member] {
        within("the close", queue.close(&context())).await.unwrap();
    }
}
