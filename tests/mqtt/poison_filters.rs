//! Brokers that end the link, or say nothing, for what they are asked: how many filters in a packet, which filter.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use wirework::Error;
use wirework::mqtt::{
    LinkState, MqttClient, MqttConnection, MqttSubscription, PublishOptions, SubscribeOptions,
};

use crate::common::{connection, context, listener, until};
use crate::faults::version;
use crate::support::fake_broker::{Ack, FakeBroker, Peer, Plain, V4, V5, Version};
use crate::support::within;

/// What a broker does about a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Answer,
    EndTheLink,
    SayNothing,
}

/// What a broker saw.
#[derive(Default)]
pub struct Seen {
    pub links: usize,
    /// The filters of each SUBSCRIBE.
    asked: Vec<Vec<String>>,
    /// Those granted on the link that is there.
    pub granted: BTreeSet<String>,
    /// The filters of each UNSUBSCRIBE.
    taken_back: Vec<Vec<String>>,
    published: Vec<String>,
    /// What came on the link that is there: `S` is a SUBSCRIBE, `P` a PUBLISH.
    pub order: String,
}

impl Seen {
    pub fn times(&self, filter: &str) -> usize {
        self.asked.iter().filter(|filters| filters.iter().any(|one| one == filter)).count()
    }
}

/// Serves one link after the other until a client sends DISCONNECT. It keeps no session.
pub async fn serve<V: Version>(broker: &FakeBroker, seen: &Mutex<Seen>, rule: impl Fn(&Plain) -> Act) {
    loop {
        let mut peer: Peer<V> = broker.accept_as().await;
        let Some(Plain::Connect { .. }) = peer.next("CONNECT").await.map(V::read) else { continue };
        {
            let mut seen = seen.lock().unwrap();
            seen.links += 1;
            seen.granted.clear();
            seen.order.clear();
        }
        peer.send(V::write(Plain::Welcome { session_present: false, identifiers: false })).await;
        while let Some(packet) = peer.next("a packet").await.map(V::read) {
            if packet == Plain::Disconnect {
                return;
            }
            let act = rule(&packet);
            if let Plain::Subscribe { filters, .. } = &packet {
                let filters = filters.iter().map(|(filter, _)| filter.clone()).collect();
                let mut seen = seen.lock().unwrap();
                seen.asked.push(filters);
                seen.order.push('S');
            }
            match act {
                Act::EndTheLink => break,
                Act::SayNothing => {}
                Act::Answer => answer::<V>(&mut peer, packet, seen).await,
            }
        }
    }
}

async fn answer<V: Version>(peer: &mut Peer<V>, packet: Plain, seen: &Mutex<Seen>) {
    let answer = match packet {
        Plain::Subscribe { id, filters, .. } => {
            let codes = filters.iter().map(|(_, qos)| *qos).collect();
            seen.lock().unwrap().granted.extend(filters.into_iter().map(|(filter, _)| filter));
            Plain::Granted { id, codes }
        }
        Plain::Unsubscribe { id, filters } => {
            let count = filters.len();
            seen.lock().unwrap().taken_back.push(filters);
            Plain::Revoked { id, count }
        }
        Plain::Publish { id, payload, .. } => {
            let mut seen = seen.lock().unwrap();
            seen.published.push(String::from_utf8(payload.to_vec()).unwrap());
            seen.order.push('P');
            Plain::Ack(Ack::Taken, id)
        }
        _ => return,
    };
    peer.send(V::write(answer)).await;
}

pub fn filters(packet: &Plain) -> Vec<&str> {
    match packet {
        Plain::Subscribe { filters, .. } => filters.iter().map(|(filter, _)| filter.as_str()).collect(),
        Plain::Unsubscribe { filters, .. } => filters.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A broker that follows a rule, a client of this version, and what happens between them until the client closes.
pub async fn between<V: Version>(
    more: &[(&str, &str)],
    rule: impl Fn(&Plain) -> Act,
    work: impl AsyncFnOnce(&MqttConnection, &Mutex<Seen>),
) -> Seen {
    let (broker, seen) = (FakeBroker::start().await, Mutex::new(Seen::default()));
    let connection = connection(&broker, &[version::<V>(), more].concat());
    let work = async {
        within("the link", connection.open(&context())).await.unwrap();
        work(&connection, &seen).await;
        within("the end", connection.close(&context())).await.unwrap();
    };
    tokio::join!(work, serve::<V>(&broker, &seen, rule));
    seen.into_inner().unwrap()
}

pub async fn subscribe(connection: &MqttConnection, filter: &str) -> Result<MqttSubscription, Error> {
    let (listener, _heard) = listener();
    let subscribed = connection.subscribe(filter, SubscribeOptions::at_least_once(), listener);
    within("an answer", subscribed).await.map_err(Error::from)
}

pub async fn publish(connection: &MqttConnection, payload: &'static str) {
    within("a publish", connection.publish("out", payload, PublishOptions::at_least_once())).await.unwrap();
}

/// Breaks the link, and waits until it is back.
pub async fn renewed(client: &MqttClient, broken: &AtomicBool, connection: &MqttConnection) -> LinkState {
    broken.store(true, Ordering::Relaxed);
    let mut state = client.state();
    state.mark_unchanged();
    // Whatever comes next ends the link.
    let _ = connection.publish("out", "cut", PublishOptions::default()).await;
    let down = |state: &LinkState| matches!(state, LinkState::Down(_));
    within("the end of the link", state.wait_for(down)).await.unwrap();
    broken.store(false, Ordering::Relaxed);
    until(client, |state| matches!(state, LinkState::Up { .. })).await
}

async fn twelve_queues<V: Version>(more: &[(&str, &str)]) -> Seen {
    let broken = AtomicBool::new(false);
    let rule = |packet: &Plain| match packet {
        _ if filters(packet).len() > 8 => Act::EndTheLink,
        Plain::Publish { .. } if broken.load(Ordering::Relaxed) => Act::EndTheLink,
        _ => Act::Answer,
    };
    let names: Vec<String> = (0..12).map(|number| format!("queue/{number}")).collect();
    between::<V>(more, rule, async |connection, seen| {
        let all = join_all(names.iter().map(|name| subscribe(connection, name))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        renewed(&connection.client().unwrap(), &broken, connection).await;
        // Those that were in question on the first links may come a moment later.
        publish(connection, "after").await;
        let restored = || seen.lock().unwrap().granted.len() == names.len();
        within("all", async {
            while !restored() {
                publish(connection, "more").await;
            }
        })
        .await;
        for subscription in all.into_iter().flatten() {
            assert!(within("the leave", subscription.unsubscribe()).await.unwrap());
        }
        publish(connection, "last").await;
        let left = || seen.lock().unwrap().taken_back.iter().map(Vec::len).sum::<usize>();
        within("the leaving", async {
            while left() < names.len() {
                publish(connection, "more").await;
            }
        })
        .await;
    })
    .await
}

#[tokio::test]
async fn twelve_queues_start_and_come_back_at_a_broker_that_takes_eight_filters() {
    for seen in [twelve_queues::<V4>(&[]).await, twelve_queues::<V5>(&[]).await] {
        assert_eq!(seen.links, 2, "the one that was broken, and the next");
        assert!(seen.asked.iter().all(|filters| filters.len() <= 8), "{:?}", seen.asked);
    }
    let large = [("options.max_filters_per_packet", "100")];
    for seen in [twelve_queues::<V4>(&large).await, twelve_queues::<V5>(&large).await] {
        assert!(seen.links <= 4, "{}", seen.links);
        let refused = seen.asked.iter().filter(|filters| filters.len() > 8).count();
        assert_eq!(refused, 1, "it is not done again: {:?}", seen.asked);
    }
}

async fn one_without_permission<V: Version>() {
    let rule = |packet: &Plain| match packet {
        _ if filters(packet).contains(&"secret") => Act::EndTheLink,
        _ => Act::Answer,
    };
    let seen = between::<V>(&[], rule, async |connection, _| {
        let wanted = ["a", "secret", "b", "c"].map(|filter| subscribe(connection, filter));
        let (all, ()) = tokio::join!(join_all(wanted), publish(connection, "meanwhile"));
        for (place, result) in all.into_iter().enumerate() {
            match result {
                Ok(_) => assert_ne!(place, 1),
                Err(error) => {
                    assert_eq!((place, error.code()), (1, "SUBSCRIBE_ENDS_LINKS"), "{}", error.chain());
                    assert!(
                        error.chain().contains("3 links in a row on SUBSCRIBE of `secret`"),
                        "{}",
                        error.chain()
                    );
                    assert!(!error.chain().contains("another client"), "{}", error.chain());
                }
            }
        }
        publish(connection, "after").await;
        // Known by now, it costs no link.
        let error = subscribe(connection, "secret").await.err().unwrap();
        assert_eq!(error.code(), "SUBSCRIBE_ENDS_LINKS");
    })
    .await;
    assert!(seen.times("secret") <= 4, "{:?}", seen.asked);
    assert!(seen.links <= 5, "{}", seen.links);
    assert_eq!(seen.granted, ["a", "b", "c"].map(str::to_owned).into());
    assert!(seen.published.contains(&"meanwhile".to_owned()) && seen.published.contains(&"after".to_owned()));
}

#[tokio::test]
async fn a_filter_that_ends_links_fails_by_name_and_the_others_are_granted() {
    one_without_permission::<V4>().await;
    one_without_permission::<V5>().await;
}

async fn one_that_loses_its_permission<V: Version>() {
    let (broken, forbidden) = (AtomicBool::new(false), AtomicBool::new(false));
    let rule = |packet: &Plain| match packet {
        _ if forbidden.load(Ordering::Relaxed) && filters(packet).contains(&"b") => Act::EndTheLink,
        Plain::Publish { .. } if broken.load(Ordering::Relaxed) => Act::EndTheLink,
        _ => Act::Answer,
    };
    let seen = between::<V>(&[], rule, async |connection, seen| {
        for filter in ["a", "b", "c"] {
            subscribe(connection, filter).await.unwrap();
        }
        forbidden.store(true, Ordering::Relaxed);
        let client = connection.client().unwrap();
        renewed(&client, &broken, connection).await;
        let parked = |state: &LinkState| matches!(state, LinkState::Up { missing, .. } if missing.len() == 1);
        let LinkState::Up { missing, .. } = until(&client, parked).await else { unreachable!("it is up") };
        assert_eq!(&*missing[0], "b");
        for payload in ["1", "2", "3"] {
            publish(connection, payload).await;
        }
        subscribe(connection, "d").await.unwrap();
        assert_eq!(seen.lock().unwrap().granted, ["a", "c", "d"].map(str::to_owned).into());
    })
    .await;
    assert_eq!(seen.times("b"), 1 + 1 + 3, "first, with others, and alone: {:?}", seen.asked);
}

#[tokio::test]
async fn a_filter_that_was_granted_before_and_ends_links_rests_and_the_others_come_back() {
    one_that_loses_its_permission::<V4>().await;
    one_that_loses_its_permission::<V5>().await;
}

async fn one_without_an_answer<V: Version>() {
    let rule = |packet: &Plain| match packet {
        _ if filters(packet).contains(&"mute") => Act::SayNothing,
        _ => Act::Answer,
    };
    let seen = between::<V>(&[("options.connect_timeout", "900")], rule, async |connection, _| {
        let (fine, mute) = tokio::join!(subscribe(connection, "fine"), subscribe(connection, "mute"));
        fine.unwrap();
        let error = mute.err().unwrap();
        assert_eq!(error.code(), "SUBSCRIBE_UNANSWERED");
        assert!(error.to_string().contains("SUBSCRIBE of `mute` within 900 ms"), "{error}");
        publish(connection, "after").await;
    })
    .await;
    assert_eq!((seen.links, seen.times("mute")), (1, 2), "with the other, and by itself: {:?}", seen.asked);
}

#[tokio::test]
async fn a_subscribe_without_an_answer_fails_by_name_and_alone() {
    one_without_an_answer::<V4>().await;
    one_without_an_answer::<V5>().await;
}

async fn one_that_cannot_be_taken_back<V: Version>() {
    let rule = |packet: &Plain| match packet {
        Plain::Unsubscribe { filters, .. } if filters.iter().any(|filter| filter == "b") => Act::EndTheLink,
        _ => Act::Answer,
    };
    let seen = between::<V>(&[], rule, async |connection, seen| {
        let (one, _heard) = listener();
        for filter in ["a", "b", "c"] {
            let options = SubscribeOptions::at_least_once();
            within("a grant", connection.subscribe(filter, options, Arc::clone(&one))).await.unwrap();
        }
        assert!(within("the leave", connection.unsubscribe("b", &one)).await.unwrap());
        // Without a session to keep it in, the next link needs no taking back.
        within("the others", async {
            while seen.lock().unwrap().links < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        publish(connection, "after").await;
    })
    .await;
    assert_eq!((seen.links, seen.granted), (2, ["a", "c"].map(str::to_owned).into()));
}

#[tokio::test]
async fn an_unsubscribe_that_ends_the_link_does_so_once_where_the_session_ends_with_it() {
    one_that_cannot_be_taken_back::<V4>().await;
    one_that_cannot_be_taken_back::<V5>().await;
}

/// Not what a clock says: how many packets are out before the first is answered.
#[tokio::test]
async fn many_subscriptions_are_asked_for_in_several_packets_at_a_time() {
    let (broker, seen) = (FakeBroker::start().await, Mutex::new(Seen::default()));
    let connection = connection(&broker, &[]);
    let work = async {
        within("the link", connection.open(&context())).await.unwrap();
        let names: Vec<String> = (0..256).map(|number| format!("f/{number}")).collect();
        let all = join_all(names.iter().map(|name| subscribe(&connection, name))).await;
        assert!(all.iter().all(Result::is_ok));
        within("the end", connection.close(&context())).await.unwrap();
    };
    let script = async {
        let (mut peer, _) = broker.accept_session(false).await;
        let mut first = Vec::new();
        for _ in 0..8 {
            first.push(peer.expect_subscribe().await);
        }
        for subscribe in first {
            assert_eq!(subscribe.filters.len(), 8);
            let packet = Plain::Granted { id: subscribe.pkid, codes: vec![1; 8] };
            peer.send(V4::write(packet)).await;
        }
        while let Some(packet) = peer.next("a packet").await.map(V4::read) {
            if packet == Plain::Disconnect {
                return;
            }
            answer::<V4>(&mut peer, packet, &seen).await;
        }
    };
    tokio::join!(work, script);
    assert_eq!(seen.lock().unwrap().granted.len(), 256 - 64);
}
