//! Acknowledgements that come late, out of order, twice, or never.

use super::life::{WINDOW, born};
use crate::support::fake_broker::{V4, V5, Version};
use crate::support::honest::Weather;

/// A life in this weather: its first link lasts until the publishes are over, or until it is cut.
async fn life<V: Version>(weather: Weather, cut: bool) {
    let mut life = born::<V>(vec![weather], &[]).await;
    life.open().await;
    life.subscribe().await;
    life.send(30);
    for _ in 0..8 {
        let deliveries = life.publish(WINDOW).await;
        if cut && life.broker.state().links == 1 {
            // What can be answered is; the rest waits for another link.
            life.broker.until("a full window", |state| state.arrived.len() >= WINDOW).await;
            life.broker.cut();
        }
        life.finish(deliveries).await;
    }
    life.receive().await;
    life.probe().await;
    life.check_published();
    life.check_received();
    assert_eq!(life.broker.state().links, 1 + usize::from(cut));
}

async fn all<V: Version>() {
    life::<V>(Weather { reverse: 3, ..Weather::default() }, false).await;
    life::<V>(Weather { twice: true, ..Weather::default() }, false).await;
    life::<V>(Weather { reverse: 2, twice: true, ..Weather::default() }, false).await;
    for each in 1..4 {
        life::<V>(Weather { missing: Some(each), ..Weather::default() }, true).await;
        life::<V>(Weather { missing: Some(each), reverse: 2, twice: true, ..Weather::default() }, true).await;
    }
}

#[tokio::test]
async fn late_out_of_order_twice_or_never() {
    all::<V4>().await;
}

#[tokio::test]
async fn late_out_of_order_twice_or_never_in_mqtt_5() {
    all::<V5>().await;
}
