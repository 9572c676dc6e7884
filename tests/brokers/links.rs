//! Links to mosquitto that are cut, halved and delayed by a proxy.

use std::time::Duration;

use wirework::mqtt::QoS;

use crate::load::{Got, Publisher, connect, context};
use crate::support::mosquitto::Mosquitto;
use crate::support::proxy::Proxy;

#[tokio::test]
async fn cut_halved_and_delayed_links_lose_nothing_and_repeat_no_qos_2() {
    faulty("3.1.1").await;
}

#[tokio::test]
async fn cut_halved_and_delayed_links_lose_nothing_and_repeat_no_qos_2_in_mqtt_5() {
    faulty("5").await;
}

/// By how many milliseconds each chunk of bytes is late, by step.
const DELAYS: [u64; 3] = [20, 150, 5];

async fn faulty(version: &str) {
    let Some(broker) = Mosquitto::start_keeping("").await else { return };
    let (up, down) = (Proxy::start(broker.port).await, Proxy::start(broker.port).await);
    let more = [("options.keepalive_timeout", "1000"), ("options.protocol_version", version)];
    let subscriber = connect("subscriber", &[down.port], &more).await;
    let publisher = connect("publisher", &[up.port], &more).await;
    let got = Got::subscribe(&subscriber).await;
    let load = Publisher::start(&publisher, &[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
    for step in 0..12 {
        got.until(got.count() + 50).await;
        match step % 4 {
            0 => up.cut(),
            1 => down.cut(),
            2 => (up.cut(), down.cut()).0,
            _ => {
                let delay = Duration::from_millis(DELAYS[step / 4]);
                [&up, &down].map(|proxy| proxy.delay(delay)).into_iter().collect()
            }
        }
    }
    for proxy in [&up, &down] {
        let links = proxy.links();
        proxy.halve();
        // Found by the keep-alive; then a whole link takes over.
        got.until(got.count() + 400).await;
        assert!(proxy.links() <= links + 2, "{} links instead of one more", proxy.links() - links);
    }
    got.account(&load.stop().await, &[&up, &down]).await;
    for connection in [publisher, subscriber] {
        connection.close(&context()).await.unwrap();
    }
}
