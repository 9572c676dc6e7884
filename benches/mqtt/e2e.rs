//! The clients' runs against a broker: publishing alone, and from one connection to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use rumqttc::mqttbytes::v4::Packet;
use rumqttc::{AsyncClient, Event, EventLoop};
use tokio::sync::Notify;
use wirework::mqtt::{MqttClient, MqttMessage, PublishOptions, QoS, SubscribeOptions};

use super::child::{Clock, Cost, Work};
use super::ours::Ours;
use super::theirs;

/// How many messages of QoS 1 each client may have on their way.
const WINDOW: u16 = 10_000;
/// How many deliveries are awaited together; twice as many are on their way.
const BATCH: u32 = 4000;
const TOPIC: &str = "bench/topic";
const SENTINEL: &str = "bench/end";

fn payload(work: Work) -> Bytes {
    Bytes::from(vec![b'x'; work.size])
}

pub async fn ours_publish(work: Work) -> Cost {
    let ours = Ours::connect(work.port, WINDOW).await;
    let clock = Clock::begin();
    send_all(&ours.client, work).await;
    if work.qos == 0 {
        let options = PublishOptions::at_least_once();
        ours.client.publish(SENTINEL, Bytes::new(), options).await.expect("acknowledged");
    }
    let cost = clock.end(work.count);
    ours.close().await;
    cost
}

/// Deliveries are awaited in batches, one behind the other, as somebody would who wants to know.
async fn send_all(client: &MqttClient, work: Work) {
    let (topic, payload): (Arc<str>, _) = (TOPIC.into(), payload(work));
    let qos = QoS::from_number(work.qos).expect("a QoS");
    let (mut before, mut batch) = (Vec::new(), Vec::new());
    for number in 0..work.count {
        let options = PublishOptions::default().qos(qos);
        batch.push(client.send(Arc::clone(&topic), payload.clone(), options).await.expect("accepted"));
        if number % BATCH == BATCH - 1 {
            for delivery in std::mem::replace(&mut before, std::mem::take(&mut batch)) {
                delivery.await.expect("delivered");
            }
        }
    }
    for delivery in before.into_iter().chain(batch) {
        delivery.await.expect("delivered");
    }
}

pub async fn ours_through(work: Work) -> Cost {
    let publisher = Ours::connect(work.port, WINDOW).await;
    let subscriber = Ours::connect(work.port, WINDOW).await;
    let (heard, all) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (counter, done) = (Arc::clone(&heard), Arc::clone(&all));
    let listener = Arc::new(move |_: MqttMessage| {
        if counter.fetch_add(1, Ordering::Relaxed) + 1 == work.count {
            done.notify_one();
        }
        async { Ok(()) }
    });
    let options = SubscribeOptions::default().qos(QoS::from_number(work.qos).expect("a QoS"));
    let subscription = subscriber.client.subscribe(TOPIC, options, listener).await.expect("granted");
    let clock = Clock::begin();
    let client = publisher.client.clone();
    let publishing = tokio::spawn(async move { send_all(&client, work).await });
    all.notified().await;
    let cost = clock.end(work.count);
    publishing.await.expect("everything is sent");
    subscription.unsubscribe().await.expect("taken back");
    publisher.close().await;
    subscriber.close().await;
    cost
}

fn theirs_send_all(client: AsyncClient, work: Work) -> tokio::task::JoinHandle<AsyncClient> {
    let (payload, qos) = (payload(work), rumqttc::qos(work.qos).expect("a QoS"));
    tokio::spawn(async move {
        for _ in 0..work.count {
            client.publish_bytes(TOPIC, qos, false, payload.clone()).await.expect("accepted");
        }
        if work.qos == 0 {
            client
                .publish_bytes(SENTINEL, rumqttc::QoS::AtLeastOnce, false, Bytes::new())
                .await
                .expect("accepted");
        }
        client
    })
}

async fn until(events: &mut EventLoop, mut count: u32, wanted: impl Fn(&Packet) -> bool) {
    while count > 0 {
        let event = events.poll().await.expect("the connection holds");
        count -= u32::from(matches!(&event, Event::Incoming(packet) if wanted(packet)));
    }
}

pub async fn theirs_publish(work: Work) -> Cost {
    let (client, mut events) = theirs::client("publisher", work.port, WINDOW);
    until(&mut events, 1, |packet| matches!(packet, Packet::ConnAck(_))).await;
    let clock = Clock::begin();
    let publishing = theirs_send_all(client, work);
    let answers = if work.qos == 0 { 1 } else { work.count };
    until(&mut events, answers, |packet| matches!(packet, Packet::PubAck(_))).await;
    let cost = clock.end(work.count);
    drop(publishing.await.expect("everything is sent"));
    cost
}

pub async fn theirs_through(work: Work) -> Cost {
    let (publisher, mut outgoing) = theirs::client("publisher", work.port, WINDOW);
    let (subscriber, mut incoming) = theirs::client("subscriber", work.port, WINDOW);
    until(&mut outgoing, 1, |packet| matches!(packet, Packet::ConnAck(_))).await;
    subscriber.subscribe(TOPIC, rumqttc::qos(work.qos).expect("a QoS")).await.expect("accepted");
    until(&mut incoming, 1, |packet| matches!(packet, Packet::SubAck(_))).await;
    let clock = Clock::begin();
    let _publishing = theirs_send_all(publisher, work);
    let pumping = tokio::spawn(async move { while outgoing.poll().await.is_ok() {} });
    until(&mut incoming, work.count, |packet| matches!(packet, Packet::Publish(_))).await;
    let cost = clock.end(work.count);
    pumping.abort();
    cost
}
