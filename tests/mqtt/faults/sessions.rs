//! CONNACKs that lie about the session.

use wirework::mqtt::QoS;

use super::life::{WINDOW, born};
use crate::support::fake_broker::{V4, V5, Version};
use crate::support::honest::Weather;

/// The broker has forgotten everything and says that it has not: publishes go on as if, and end.
async fn forgotten_and_denied<V: Version>() {
    let first = Weather { missing: Some(1), ..Weather::default() };
    let lie = Weather { forget: true, claim: Some(true), ..Weather::default() };
    let mut life = born::<V>(vec![first, lie], &[]).await;
    life.open().await;
    let deliveries = life.publish(WINDOW).await;
    life.broker.until("the publishes", |state| state.arrived.len() == WINDOW).await;
    life.broker.cut();
    life.finish(deliveries).await;
    assert!(life.ended.iter().all(|(_, result)| result.is_ok()), "{:?}", life.ended);
    life.probe().await;
    assert_eq!(life.broker.state().links, 2);
}

/// The broker has kept everything and says that it has not: QoS 1 goes out anew, QoS 2 that was sent fails as unproven,
/// the subscription is made again, and what the broker sends again is taken.
async fn kept_and_denied<V: Version>() {
    let first = Weather { missing: Some(1), ..Weather::default() };
    let lie = Weather { claim: Some(false), ..Weather::default() };
    let mut life = born::<V>(vec![first, lie], &[]).await;
    life.open().await;
    life.subscribe().await;
    life.send(4);
    let deliveries = life.publish(WINDOW).await;
    life.broker.until("the publishes", |state| state.arrived.len() == WINDOW).await;
    life.broker.cut();
    life.finish(deliveries).await;
    let failed =
        life.ended.iter().filter(|(qos, result)| *qos == QoS::ExactlyOnce && result.is_err()).count();
    assert_eq!(failed, WINDOW / 2, "{:?}", life.ended);
    life.check_published();
    life.receive().await;
    assert_eq!(life.broker.state().links, 2);
}

#[tokio::test]
async fn a_session_that_is_gone_though_the_broker_claims_it() {
    forgotten_and_denied::<V4>().await;
    forgotten_and_denied::<V5>().await;
}

#[tokio::test]
async fn a_session_that_is_kept_though_the_broker_denies_it() {
    kept_and_denied::<V4>().await;
    kept_and_denied::<V5>().await;
}
