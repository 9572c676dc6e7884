//! Cut at every byte boundary of every packet, in both directions.

use tokio::task::JoinSet;

use super::life::{Life, WINDOW, born};
use crate::common::context;
use crate::support::fake_broker::{V4, V5, Version};
use crate::support::honest::Weather;

/// How many lives run at a time.
const AT_ONCE: usize = 24;

/// Every packet once: CONNECT, SUBSCRIBE, both kinds of messages in both directions, UNSUBSCRIBE, DISCONNECT.
async fn live<V: Version>(weather: Vec<Weather>) -> Life<V> {
    let mut life = born::<V>(weather, &[]).await;
    life.open().await;
    life.send(2);
    life.subscribe().await;
    let deliveries = life.publish(2).await;
    life.finish(deliveries).await;
    life
}

/// With a session that the broker keeps: everything arrives, QoS 2 once in either direction.
async fn kept<V: Version>(weather: Vec<Weather>) -> Vec<(usize, usize)> {
    let mut life = live::<V>(weather).await;
    life.receive().await;
    life.probe().await;
    life.broker.until("the end of the link", |state| state.traffic.len() == state.links).await;
    life.check_published();
    life.check_received();
    let state = life.broker.state();
    assert!(state.links <= 2, "{} links for one cut", state.links);
    state.traffic.clone()
}

/// With a session that is gone with the link: what the client sent arrives or fails, and the subscription is back.
async fn forgotten<V: Version>(weather: Weather) {
    let again = Weather { forget: true, ..Weather::default() };
    let mut life = live::<V>(vec![weather, again]).await;
    // More than what the cut can lie behind; from there on the weather is good.
    for _ in 0..4 {
        let deliveries = life.publish(WINDOW).await;
        life.finish(deliveries).await;
    }
    life.broker.until("the subscription", |state| state.subscriptions.contains_key("in/#")).await;
    life.probe().await;
    life.check_published();
    let links = life.broker.state().links;
    assert!(links <= 2, "{links} links for one cut");
}

async fn each(weather: impl Iterator<Item = Weather>, mut live: impl FnMut(&mut JoinSet<()>, Weather)) {
    let mut running = JoinSet::new();
    for weather in weather {
        if running.len() >= AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        live(&mut running, weather);
    }
    while let Some(result) = running.join_next().await {
        result.unwrap();
    }
}

async fn everywhere<V: Version>() {
    let traffic = kept::<V>(vec![]).await;
    assert_eq!(traffic.len(), 1, "one link in good weather");
    let (read, written) = traffic[0];
    let cuts = || (0..=read).map(Weather::cut_reading).chain((0..=written).map(Weather::cut_writing));
    let resets = cuts().step_by(7).map(|weather| Weather { reset: true, ..weather });
    each(cuts().chain(resets), |running, weather| {
        running.spawn(async move {
            kept::<V>(vec![weather]).await;
        });
    })
    .await;
    each(cuts(), |running, weather| {
        running.spawn(forgotten::<V>(weather));
    })
    .await;
}

#[tokio::test]
async fn at_every_byte_boundary_in_both_directions() {
    everywhere::<V4>().await;
}

#[tokio::test]
async fn at_every_byte_boundary_in_both_directions_of_mqtt_5() {
    everywhere::<V5>().await;
}

/// An idle link is cut before, in and behind the ping, and before, in and behind its answer.
async fn pinging<V: Version>() {
    const PING: usize = 2;
    let mut life = born::<V>(vec![], &[]).await;
    life.open().await;
    life.connection.close(&context()).await.unwrap();
    life.broker.until("the end of the link", |state| state.traffic.len() == state.links).await;
    let (read, written) = life.broker.state().traffic[0];
    // CONNECT without DISCONNECT, which is as short as a ping.
    let cuts = (0..=PING)
        .flat_map(|bytes| [Weather::cut_reading(read - PING + bytes), Weather::cut_writing(written + bytes)]);
    each(cuts, |running, weather| {
        running.spawn(async move {
            let mut life = born::<V>(vec![weather], &[("options.keepalive_timeout", "1000")]).await;
            life.open().await;
            life.broker.until("another link", |state| state.links == 2).await;
            life.subscribe().await;
            life.send(2);
            life.receive().await;
            life.probe().await;
            life.check_published();
            life.check_received();
            assert_eq!(life.broker.state().links, 2);
        });
    })
    .await;
}

#[tokio::test]
async fn in_a_ping_and_its_answer() {
    tokio::join!(pinging::<V4>(), pinging::<V5>());
}

/// Again and again at the same place, with ever so little progress.
async fn often<V: Version>() {
    // Where three links in a row end within a SUBSCRIBE that is alone, it is the SUBSCRIBE that ends them.
    let weather = (0..40).map(|step| Weather::cut_reading(30 + step * 7)).collect();
    let mut life = live::<V>(weather).await;
    life.receive().await;
    life.probe().await;
    life.check_published();
    life.check_received();
    assert!(life.broker.state().links <= 41);
}

#[tokio::test]
async fn again_and_again() {
    often::<V4>().await;
    often::<V5>().await;
}

/// Both directions move one byte at a time.
async fn dripping<V: Version>() {
    let drip = Weather { drip: true, ..Weather::default() };
    let traffic = kept::<V>(vec![drip]).await;
    assert_eq!(traffic.len(), 1, "slow is not dead");
}

#[tokio::test]
async fn one_byte_at_a_time() {
    dripping::<V4>().await;
    dripping::<V5>().await;
}
