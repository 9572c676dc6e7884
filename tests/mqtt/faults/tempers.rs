//! Brokers that hang up on the number of filters, on a filter, on the size of a message, and for no reason: what they hang up
//! on fails by name, and everything else arrives.

use futures_util::future::join_all;
use proptest::prelude::*;
use wirework::Error;
use wirework::mqtt::{Delivery, PublishOptions, QoS, SubscribeOptions};

use super::life::{Life, WINDOW, born};
use crate::common::listener;
use crate::support::fake_broker::{V4, V5, Version};
use crate::support::honest::{Temper, Weather};
use crate::support::within;

/// More than the broker takes of a message, in bytes.
const LARGE: usize = 3000;

#[derive(Clone, Debug)]
enum Op {
    /// Hands over so many messages, and leaves them on their way.
    Publish(usize),
    /// The same with one that is too large.
    TooLarge(QoS),
    /// The broker is given so many messages for the client.
    Send(usize),
    /// So many filters are subscribed to at a time, and left again.
    Visit(usize),
    /// A filter that the broker hangs up on.
    Forbidden,
    /// Waits until everything handed over has ended.
    Settle,
    /// The next link ends at its so many-th packet.
    HangUp(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (1..=WINDOW).prop_map(Op::Publish),
        1 => prop_oneof![Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)].prop_map(Op::TooLarge),
        4 => (1..6_usize).prop_map(Op::Send),
        2 => (1..12_usize).prop_map(Op::Visit),
        1 => Just(Op::Forbidden),
        2 => Just(Op::Settle),
        2 => (1..8_usize).prop_map(Op::HangUp),
    ]
}

/// What is on its way: messages, and those that are too large.
#[derive(Default)]
struct Open {
    fine: Vec<(QoS, Delivery)>,
    large: Vec<Delivery>,
}

impl Open {
    async fn settle<V: Version>(&mut self, life: &mut Life<V>) {
        life.finish(std::mem::take(&mut self.fine)).await;
        for delivery in self.large.drain(..) {
            let end = within("the end of one that is too large", delivery).await.map_err(Error::from);
            let error = end.expect_err("it is too large");
            assert_eq!(error.code(), "PUBLISH_ENDS_LINKS", "{}", error.chain());
        }
    }

    /// No more than the window at a time, so that handing over never waits.
    async fn room<V: Version>(&mut self, life: &mut Life<V>, count: usize) {
        if self.fine.len() + self.large.len() + count > WINDOW {
            self.settle(life).await;
        }
    }
}

async fn run<V: Version>(most_filters: Option<usize>, ops: &[Op]) {
    let mut life = born::<V>(vec![], &[("options.max_filters_per_packet", "100")]).await;
    let filters = ["secret".to_owned()].into();
    life.broker.state().temper = Temper { most_filters, filters, most_bytes: Some(LARGE - 1) };
    life.open().await;
    life.subscribe().await;
    let mut open = Open::default();
    for op in ops {
        match op {
            Op::Publish(count) => {
                open.room(&mut life, *count).await;
                let fine = life.publish_after(open.fine.len(), *count).await;
                open.fine.extend(fine);
            }
            Op::TooLarge(qos) => {
                open.room(&mut life, 1).await;
                let client = life.connection.client().unwrap();
                let options = PublishOptions::default().qos(*qos);
                open.large
                    .push(within("room", client.send("out", vec![b'x'; LARGE], options)).await.unwrap());
            }
            Op::Send(count) => life.send(*count),
            Op::Visit(count) => visit(&life, *count).await,
            Op::Forbidden => {
                let (listener, _heard) = listener();
                let options = SubscribeOptions::at_least_once();
                let subscribed = within("an answer", life.connection.subscribe("secret", options, listener));
                let error = Error::from(subscribed.await.map(drop).expect_err("it is forbidden"));
                assert_eq!(error.code(), "SUBSCRIBE_ENDS_LINKS", "{}", error.chain());
            }
            Op::Settle => open.settle(&mut life).await,
            Op::HangUp(patience) => {
                // Many such links in a row would look like the fault of what is on its way.
                open.settle(&mut life).await;
                life.broker.clear_up();
                life.broker.forecast(Weather { patience: Some(*patience), ..Weather::default() });
                life.broker.cut();
            }
        }
    }
    open.settle(&mut life).await;
    life.receive().await;
    life.check_received();
    life.broker.clear_up();
    life.probe_through_bad_weather().await;
    life.check_published();
}

async fn visit<V: Version>(life: &Life<V>, count: usize) {
    let names: Vec<String> = (0..count).map(|number| format!("many/{number}/+")).collect();
    let subscribed = join_all(names.iter().map(|name| {
        let (listener, _heard) = listener();
        life.connection.subscribe(name, SubscribeOptions::at_least_once(), listener)
    }));
    for subscription in within("the grants", subscribed).await {
        assert!(within("the leave", subscription.unwrap().unsubscribe()).await.unwrap());
    }
}

fn check<V: Version>(most_filters: Option<usize>, ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run::<V>(most_filters, ops));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, max_shrink_iters: 8, ..ProptestConfig::default() })]

    #[test]
    fn what_a_broker_hangs_up_on_fails_alone(most in prop::option::of(1..6_usize), ops in prop::collection::vec(op(), 0..30)) {
        check::<V4>(most, &ops);
    }

    #[test]
    fn what_a_broker_hangs_up_on_fails_alone_in_mqtt_5(most in prop::option::of(1..6_usize), ops in prop::collection::vec(op(), 0..30)) {
        check::<V5>(most, &ops);
    }
}
