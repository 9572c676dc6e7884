//! mosquitto killed without warning, behind a proxy that has seen every packet.

use bytes::Bytes;
use wirework::mqtt::QoS;

use crate::load::{Publisher, connect, context, within};
use crate::support::mosquitto::Mosquitto;
use crate::support::proxy::Proxy;

#[tokio::test]
async fn what_resolved_was_acknowledged_and_the_rest_failed_or_went_out_again() {
    killed("3.1.1").await;
}

#[tokio::test]
async fn what_resolved_was_acknowledged_and_the_rest_failed_or_went_out_again_in_mqtt_5() {
    killed("5").await;
}

/// Every publish that resolved well was acknowledged on the wire; every other one failed or was sent again.
async fn killed(version: &str) {
    let Some(mut broker) = Mosquitto::start_keeping("").await else { return };
    let proxy = Proxy::start(broker.port).await;
    let publisher = connect("publisher", &[proxy.port], &[("options.protocol_version", version)]).await;
    let load = Publisher::start(&publisher, &[QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let mut killed_at = Vec::new();
    for round in 1..=5 {
        within("acknowledgements", async {
            while proxy.published().acknowledged.len() < round * 300 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        broker.stop("KILL").await;
        let published = proxy.published();
        // What the broker had got and not acknowledged to the end when it died.
        let open = published.sent.keys().filter(|payload| !published.acknowledged.contains(*payload));
        killed_at.push(open.map(|payload| (payload.clone(), published.sent[payload])).collect::<Vec<_>>());
        broker.restart().await;
    }
    let ends = load.stop().await;
    let published = proxy.published();
    let end = |payload: &Bytes| &ends[std::str::from_utf8(payload).unwrap().parse::<usize>().unwrap()];
    for (number, (qos, result)) in ends.iter().enumerate() {
        let payload = Bytes::from(number.to_string());
        match result {
            Ok(()) => {
                assert!(published.acknowledged.contains(&payload), "{number} at {qos:?} resolved unproven")
            }
            Err(error) => {
                assert!(*qos == QoS::ExactlyOnce && error.code() == "SESSION_LOST", "{number}: {error}")
            }
        }
    }
    assert!(killed_at.iter().any(|open| !open.is_empty()), "something was on its way when the broker died");
    for (payload, sent) in killed_at.into_iter().flatten() {
        let (qos, result) = end(&payload);
        // The proxy may have read an acknowledgement after that look at its log.
        let proven = published.acknowledged.contains(&payload);
        let again = published.sent[&payload] > sent;
        assert!(
            result.is_err() || again || proven,
            "{payload:?} at {qos:?} was neither sent again nor failed"
        );
    }
    publisher.close(&context()).await.unwrap();
}
