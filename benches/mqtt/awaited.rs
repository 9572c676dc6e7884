//! rumqttc's client, made to tell a caller when its message was acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rumqttc::mqttbytes::v4::Packet;
use rumqttc::{AsyncClient, Event, EventLoop, Outgoing, QoS};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;

use super::acker::Acker;
use super::theirs;

/// As many as there are callers: none has more than one message on its way.
const WINDOW: u16 = 100;
const TOPIC: &str = "bench/topic";

/// Who waits for the messages whose packet ids are not known yet, in the order of the requests. Its lock is held while a
/// request is made, or the orders would differ.
type Requested = Arc<Mutex<VecDeque<oneshot::Sender<()>>>>;

/// Messages a second.
pub async fn rumqttc(server: &Acker, tasks: u32, count: u32) -> f64 {
    let (client, mut events) = theirs::client("bench", server.port, WINDOW);
    events.poll().await.expect("the server is there");
    server.forget();
    let requested = Requested::default();
    let start = Instant::now();
    let mut publishing = JoinSet::new();
    for _ in 0..tasks {
        publishing.spawn(publish(client.clone(), Arc::clone(&requested), count / tasks));
    }
    acknowledge(&mut events, &requested, count).await;
    while let Some(task) = publishing.join_next().await {
        task.expect("it ends");
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

async fn publish(client: AsyncClient, requested: Requested, count: u32) {
    let payload = Bytes::from(vec![b'x'; 64]);
    for _ in 0..count {
        let (acknowledged, delivery) = oneshot::channel();
        {
            let mut requested = requested.lock().await;
            requested.push_back(acknowledged);
            client.publish_bytes(TOPIC, QoS::AtLeastOnce, false, payload.clone()).await.expect("accepted");
        }
        delivery.await.expect("acknowledged");
    }
}

async fn acknowledge(events: &mut EventLoop, requested: &Requested, mut left: u32) {
    let mut waiting = HashMap::new();
    while left > 0 {
        match events.poll().await.expect("the connection holds") {
            Event::Outgoing(Outgoing::Publish(id)) => {
                let next = requested.lock().await.pop_front().expect("it was requested");
                waiting.insert(id, next);
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let _ = waiting.remove(&ack.pkid).expect("it was published").send(());
                left -= 1;
            }
            _ => {}
        }
    }
}
