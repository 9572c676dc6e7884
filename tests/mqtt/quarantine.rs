//! What goes on while the search for filters that end links lasts, and what becomes of one in quarantine since it ended some.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use wirework::mqtt::LinkState;

use crate::common::{connection_to, context, until};
use crate::faults::version;
use crate::poison_filters::{Act, Seen, between, filters, publish, renewed, serve, subscribe};
use crate::support::fake_broker::{FakeBroker, Plain, V4, V5, Version};
use crate::support::within;

/// The broker ends the link for more than one filter in a packet, and three others publish all the time.
async fn publishes_between_filters<V: Version>() {
    const FILTERS: usize = 8;
    let rule = |packet: &Plain| if filters(packet).len() > 1 { Act::EndTheLink } else { Act::Answer };
    // With identifiers each filter has a packet of its own anyway.
    let seen = between::<V>(&[], rule, async |connection, _| {
        let done = AtomicBool::new(false);
        let publisher = async || {
            while !done.load(Ordering::Relaxed) {
                publish(connection, "meanwhile").await;
            }
        };
        let names: Vec<String> = (0..FILTERS).map(|number| format!("f/{number}")).collect();
        let subscribing = async {
            let all = join_all(names.iter().map(|name| subscribe(connection, name))).await;
            assert!(all.iter().all(Result::is_ok), "{all:?}");
            done.store(true, Ordering::Relaxed);
        };
        tokio::join!(publisher(), publisher(), publisher(), subscribing);
    })
    .await;
    assert_eq!(seen.links, 2);
    let gaps: Vec<&str> = seen.order.split('S').collect();
    let between = &gaps[1..FILTERS];
    let empty = between.iter().filter(|gap| gap.is_empty()).count();
    assert!(gaps.len() == FILTERS + 1 && empty <= 1, "{}", seen.order);
}

#[tokio::test]
async fn messages_have_their_turn_between_filters_that_may_end_the_link() {
    publishes_between_filters::<V4>().await;
    publishes_between_filters::<V5>().await;
}

/// A broker with a clock of its own, as that of the client is put forward, and whether a publish or the filter `b` ends the
/// link. Ends with its client.
fn elsewhere<V: Version>() -> (Elsewhere, tokio::sync::oneshot::Receiver<u16>) {
    let (started, port) = tokio::sync::oneshot::channel();
    let here = Elsewhere::default();
    let there = here.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let broker = FakeBroker::start().await;
            started.send(broker.port()).unwrap();
            let rule = |packet: &Plain| match packet {
                Plain::Subscribe { .. }
                    if there.forbidden.load(Ordering::Relaxed) && filters(packet).contains(&"b") =>
                {
                    Act::EndTheLink
                }
                Plain::Publish { .. } if there.broken.load(Ordering::Relaxed) => Act::EndTheLink,
                _ => Act::Answer,
            };
            serve::<V>(&broker, &there.seen, rule).await;
        });
    });
    (here, port)
}

#[derive(Clone, Default)]
struct Elsewhere {
    seen: Arc<Mutex<Seen>>,
    broken: Arc<AtomicBool>,
    forbidden: Arc<AtomicBool>,
}

async fn one_that_rests<V: Version>() {
    let (Elsewhere { seen, broken, forbidden }, port) = elsewhere::<V>();
    let more = [&[("options.keepalive_timeout", "0")], version::<V>()].concat();
    let connection = connection_to(port.await.unwrap(), &more);
    within("the link", connection.open(&context())).await.unwrap();
    for filter in ["a", "b"] {
        subscribe(&connection, filter).await.unwrap();
    }
    forbidden.store(true, Ordering::Relaxed);
    let client = connection.client().unwrap();
    renewed(&client, &broken, &connection).await;
    let missing = |count: usize| move |state: &LinkState| matches!(state, LinkState::Up { missing, .. } if missing.len() == count);
    until(&client, missing(1)).await;
    // A minute later it is tried once, and ends the link that it is on; two more later it may be had again.
    let counted = || {
        let seen = seen.lock().unwrap();
        (seen.links, seen.times("b"))
    };
    let (links, asked) = counted();
    forward(61).await;
    until(&client, |state| matches!(state, LinkState::Down(_))).await;
    until(&client, missing(1)).await;
    assert_eq!(counted(), (links + 1, asked + 1));
    forbidden.store(false, Ordering::Relaxed);
    forward(61).await;
    publish(&connection, "between").await;
    assert_eq!(counted(), (links + 1, asked + 1), "the wait has doubled");
    forward(60).await;
    until(&client, missing(0)).await;
    assert_eq!(seen.lock().unwrap().granted, ["a", "b"].map(str::to_owned).into());
    assert_eq!(counted(), (links + 1, asked + 2));
    within("the end", connection.close(&context())).await.unwrap();
}

/// Puts the clock of this test forward, by so many seconds.
async fn forward(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_filter_that_rests_is_asked_for_again_with_growing_waits_until_it_is_granted() {
    one_that_rests::<V4>().await;
    one_that_rests::<V5>().await;
}
