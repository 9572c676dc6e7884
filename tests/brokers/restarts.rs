//! mosquitto with persistent sessions, stopped in good order and started again under load.

use wirework::mqtt::QoS;

use crate::load::{Got, Publisher, connect, context};
use crate::support::mosquitto::Mosquitto;
use crate::support::proxy::Proxy;

/// Every number arrives, QoS 2 once, whatever is on its way when the broker stops.
async fn restarted(times: usize, version: &str) {
    let Some(mut broker) = Mosquitto::start_keeping("").await else { return };
    let version = [("options.protocol_version", version)];
    let (up, down) = (Proxy::start(broker.port).await, Proxy::start(broker.port).await);
    let subscriber = connect("subscriber", &[down.port], &version).await;
    let publisher = connect("publisher", &[up.port], &version).await;
    let got = Got::subscribe(&subscriber).await;
    let load = Publisher::start(&publisher, &[QoS::AtLeastOnce, QoS::ExactlyOnce]);
    for _ in 0..times {
        got.until(got.count() + 200).await;
        broker.stop("TERM").await;
        broker.restart().await;
    }
    got.until(got.count() + 200).await;
    got.account(&load.stop().await, &[&up, &down]).await;
    for connection in [publisher, subscriber] {
        connection.close(&context()).await.unwrap();
    }
}

#[tokio::test]
async fn twenty_restarts_lose_nothing_and_repeat_no_qos_2() {
    restarted(20, "3.1.1").await;
}

#[tokio::test]
async fn restarts_lose_nothing_in_mqtt_5() {
    let _ = restarted(8, "5").await;
}
