//! A whole connection against a model: random operations and faults, then good weather, and every message is accounted for.
//!
//! The model is short: what was accepted and resolved well has arrived, QoS 2 once; what failed says that the session was
//! lost, and came once at most; what the broker was given to send came to the listener, QoS 2 once, unless its session was
//! forgotten; in the end nothing is on its way and a window full of publishes goes through.

use proptest::prelude::*;
use wirework::Error;
use wirework::mqtt::{Delivery, QoS, SubscribeOptions};

use super::life::{Life, WINDOW, born};
use crate::common::listener;
use crate::support::fake_broker::{V4, V5, Version};
use crate::support::honest::Weather;
use crate::support::within;

#[derive(Clone, Debug)]
enum Op {
    /// Hands over so many messages of QoS 1 and 2 in turn, and leaves them on their way.
    Publish(usize),
    /// The broker is given so many messages for the client.
    Send(usize),
    /// Waits until everything handed over has ended.
    Settle,
    Cut,
    /// The next link is like this.
    Forecast(Weather),
    /// Another filter is subscribed to and left again.
    Visit,
}

/// Links without the manner of answering twice: a second answer may hit the next message with that id.
fn weather() -> impl Strategy<Value = Weather> {
    let cut = || prop::option::weighted(0.4, 0..400_usize);
    let manners = (0..4_usize, prop::option::weighted(0.3, 1..5_usize), prop::bool::weighted(0.1));
    let rough =
        (cut(), cut(), any::<bool>(), manners).prop_map(|(cut_reading, cut_writing, reset, manners)| {
            let (reverse, missing, drip) = manners;
            Weather { cut_reading, cut_writing, reset, drip, reverse, missing, ..Weather::default() }
        });
    // Of a session that was forgotten the client must hear: when that CONNACK is lost, the next one says that the (new)
    // session is there, and nobody can know.
    let forgetful = (0..4_usize).prop_map(|reverse| Weather { forget: true, reverse, ..Weather::default() });
    prop_oneof![6 => rough, 1 => forgetful]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (1..6_usize).prop_map(Op::Publish),
        4 => (1..6_usize).prop_map(Op::Send),
        2 => Just(Op::Settle),
        2 => Just(Op::Cut),
        3 => weather().prop_map(Op::Forecast),
        1 => Just(Op::Visit),
    ]
}

async fn run<V: Version>(ops: &[Op]) {
    let mut life = born::<V>(vec![], &[]).await;
    life.open().await;
    life.subscribe().await;
    let mut open: Vec<(QoS, Delivery)> = Vec::new();
    let mut forgets = false;
    for op in ops {
        match op {
            Op::Publish(count) => {
                // No more than the window at a time, so that handing over never waits for an answer that never comes.
                if open.len() + count > WINDOW {
                    end(&mut life, &mut open).await;
                }
                open.extend(life.publish_after(open.len(), (*count).min(WINDOW)).await);
            }
            Op::Send(count) => life.send(*count),
            Op::Settle => end(&mut life, &mut open).await,
            Op::Cut => life.broker.cut(),
            Op::Forecast(weather) => {
                forgets |= weather.forget;
                life.broker.forecast(weather.clone());
            }
            Op::Visit => visit(&life).await,
        }
    }
    end(&mut life, &mut open).await;
    if forgets {
        // What the broker had for a session that it forgot is gone; nobody can wait for it.
        life.broker.until("the subscription", |state| state.subscriptions.contains_key("in/#")).await;
    } else {
        life.receive().await;
        life.check_received();
    }
    life.broker.clear_up();
    life.probe_through_bad_weather().await;
    life.check_published();
}

/// Everything on its way ends; a link on which an answer is missing is ended for that.
async fn end<V: Version>(life: &mut Life<V>, open: &mut Vec<(QoS, Delivery)>) {
    for (qos, mut delivery) in open.drain(..) {
        let result = within("the end of a publish", async {
            loop {
                let patience = std::time::Duration::from_millis(100);
                match tokio::time::timeout(patience, &mut delivery).await {
                    Ok(result) => return result,
                    Err(_) => life.broker.cut(),
                }
            }
        });
        let result = result.await.map_err(Error::from);
        life.ended.push((qos, result));
    }
}

async fn visit<V: Version>(life: &Life<V>) {
    let (listener, _heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let subscription =
        within("a grant", life.connection.subscribe("other/+", options, listener)).await.unwrap();
    assert!(within("the leave", subscription.unsubscribe()).await.unwrap());
}

fn check<V: Version>(ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run::<V>(ops));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, max_shrink_iters: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_accounted_for(ops in prop::collection::vec(op(), 0..40)) {
        check::<V4>(&ops);
    }

    #[test]
    fn every_message_is_accounted_for_in_mqtt_5(ops in prop::collection::vec(op(), 0..40)) {
        check::<V5>(&ops);
    }
}
