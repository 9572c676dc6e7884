use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::delivery::InDelivery;
use crate::mqtt::types::Metrics;
use crate::mqtt::{QoS, RetainHandling};
use crate::trace::Tracer;

type Received = mpsc::Receiver<MqttMessage>;

pub fn registry() -> Registry<()> {
    let metrics = Arc::new(Metrics::new(&Counters::default()));
    Registry::new(
        1..=16,
        64,
        ListenerContext { logger: Logger::default(), metrics, tracer: Tracer::standalone(), capacity: 100 },
    )
}

pub fn listener() -> (SharedListener, Received) {
    let (sender, received) = mpsc::channel(100);
    let listener = move |message| {
        let sender = sender.clone();
        async move {
            sender.send(message).await.unwrap();
            Ok(())
        }
    };
    (Arc::new(listener), received)
}

async fn heard(received: &mut Received) -> Arc<str> {
    let message = tokio::time::timeout(Duration::from_secs(30), received.recv());
    message.await.expect("a message in time").expect("the listener lives").topic
}

fn deliver(registry: &mut Registry<()>, topic: &str, now: Instant) {
    let receipt = InDelivery::unacknowledged().admit(0, None);
    let message = MqttMessage { retain: true, ..MqttMessage::new(topic, "") };
    registry.deliver(message, &[], &receipt, now);
}

/// The next SUBSCRIBE: its id, and how many filters it has.
pub fn asked(registry: &mut Registry<()>, now: Instant) -> (u16, usize) {
    match registry.next(true, now) {
        Some((Control::Subscribe { id, filters }, _)) => (id, filters.len()),
        _ => panic!("nothing is asked for"),
    }
}

pub fn grant(registry: &mut Registry<()>, now: Instant) -> bool {
    if registry.is_restored() {
        return false;
    }
    let (id, count) = asked(registry, now);
    registry.on_suback(id, &vec![0; count], now).expect("it was asked for");
    true
}

#[tokio::test]
async fn retained_messages_come_also_when_requesting_everything_anew_takes_long() {
    let mut registry = registry();
    let (listener, mut received) = listener();
    let mut now = Instant::now();
    for number in 0..100 {
        let filter = format!("f/{number:02}").parse().unwrap();
        assert!(registry.subscribe(&filter, SubscribeOptions::default(), &listener, ()).is_ok());
    }
    while grant(&mut registry, now) {}
    now += Duration::from_secs(3600);
    registry.lost();
    registry.resume(SessionPresence::Absent, false, now);
    let (id, count) = asked(&mut registry, now);
    assert!(count < 100);
    // The broker takes its time, and sends the retained messages of the rest after that.
    now += Duration::from_secs(60);
    registry.on_suback(id, &vec![0; count], now).unwrap();
    let (id, rest) = asked(&mut registry, now);
    now += Duration::from_secs(60);
    deliver(&mut registry, "f/99", now);
    assert_eq!(&*heard(&mut received).await, "f/99");
    registry.on_suback(id, &vec![0; rest], now).unwrap();
    assert!(registry.next(true, now).is_none());
    deliver(&mut registry, "f/98", now + Duration::from_secs(4));
    assert_eq!(&*heard(&mut received).await, "f/98");
    deliver(&mut registry, "f/98", now + Duration::from_secs(5));
    deliver(&mut registry, "f/97", now + Duration::from_secs(5));
    assert_eq!(&*heard(&mut received).await, "f/97", "each once");
}

#[tokio::test]
async fn a_narrow_filter_does_not_share_the_refusal_of_a_wide_one() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    for text in ["a/b", "a/#", "a/c"] {
        let filter: Filter = text.parse().unwrap();
        registry
            .subscribe(&filter, SubscribeOptions::default(), &listener, ())
            .map_err(|_| "refused")
            .unwrap();
    }
    assert_eq!(asked(&mut registry, now), (1, 1));
    let outcomes = registry.on_suback(1, &[0x80], now).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Refused { filter, .. }] if filter.as_str() == "a/#"));
    assert_eq!(asked(&mut registry, now), (2, 2));
    let outcomes = registry.on_suback(2, &[0, 0x80], now).unwrap();
    assert!(
        matches!(&outcomes[..], [Outcome::Granted { .. }, Outcome::Refused { filter, .. }] if filter.as_str() == "a/c")
    );
    registry.end().await;
}

pub fn subscribe(
    registry: &mut Registry<()>,
    text: &str,
    options: SubscribeOptions,
    listener: &SharedListener,
) {
    let subscribed = registry.subscribe(&text.parse().unwrap(), options, listener, ());
    subscribed.map_err(|_| "refused").unwrap();
}

/// What the next packets ask for, each for one filter; all is granted.
fn granted_alone(registry: &mut Registry<()>, now: Instant) -> Vec<(Filter, SubscribeOptions)> {
    let mut all = Vec::new();
    while let Some((Control::Subscribe { id, filters: [asked] }, _)) = registry.next(true, now) {
        all.push(asked.clone());
        registry.on_suback(id, &[0], now).unwrap();
    }
    all
}

#[tokio::test]
async fn a_filter_is_asked_for_anew_so_that_each_of_its_listeners_gets_what_it_wants() {
    let mut registry = registry();
    let now = Instant::now();
    registry.resume(SessionPresence::Absent, true, now);
    let ((all, mut heard), (none, mut heard_none)) = (listener(), listener());
    let options = SubscribeOptions::default();
    subscribe(&mut registry, "a", options, &all);
    granted_alone(&mut registry, now);
    subscribe(&mut registry, "a", options.retain_handling(RetainHandling::Never), &none);
    assert_eq!(granted_alone(&mut registry, now)[0].1.retain_handling, RetainHandling::Never);
    registry.lost();
    registry.resume(SessionPresence::Absent, true, now);
    assert_eq!(granted_alone(&mut registry, now)[0].1.retain_handling, RetainHandling::Send);
    let id = registry.grants.table().id(&"a".parse().unwrap()).unwrap();
    for retain in [true, false] {
        let receipt = InDelivery::unacknowledged().admit(0, None);
        let message = MqttMessage { retain, ..MqttMessage::new("a", "") };
        registry.deliver(message, &[id], &receipt, now);
    }
    let kept = async |received: &mut Received| received.recv().await.unwrap().retain;
    assert_eq!((kept(&mut heard).await, kept(&mut heard).await), (true, false));
    assert!(!kept(&mut heard_none).await);
    registry.end().await;
}

/// Were each looked for among all, this would take minutes.
#[tokio::test]
async fn ten_thousand_listeners_of_one_filter_come_and_go() {
    const COUNT: usize = 10_000;
    for identifiers in [true, false] {
        let mut registry = registry();
        let now = Instant::now();
        registry.resume(SessionPresence::Absent, identifiers, now);
        let listeners: Vec<_> = (0..COUNT).map(|_| listener().0).collect();
        let options = SubscribeOptions::default();
        for listener in &listeners {
            subscribe(&mut registry, "a/b", options, listener);
        }
        assert_eq!(asked(&mut registry, now), (1, 1));
        assert_eq!(registry.on_suback(1, &[0], now).unwrap().len(), COUNT);
        subscribe(&mut registry, "a/b", options.qos(QoS::AtLeastOnce), &listeners[COUNT - 1]);
        assert_eq!(registry.grants.table().len(), COUNT, "that one was there");
        let filter = "a/b".parse().unwrap();
        for listener in &listeners {
            assert!(registry.unsubscribe(&filter, listener).is_some());
            assert!(registry.unsubscribe(&filter, listener).is_none());
        }
        assert_eq!(registry.grants.table().len(), 0);
        registry.end().await;
    }
}

#[tokio::test]
async fn what_is_wanted_again_while_it_is_taken_back_is_there_after_the_link_broke() {
    let mut registry = registry();
    let now = Instant::now();
    registry.resume(SessionPresence::Absent, true, now);
    let (listener, _received) = listener();
    let filter: Filter = "a".parse().unwrap();
    subscribe(&mut registry, "a", SubscribeOptions::default(), &listener);
    granted_alone(&mut registry, now);
    registry.unsubscribe(&filter, &listener).expect("it was there");
    assert!(matches!(registry.next(true, now), Some((Control::Unsubscribe { .. }, _))));
    subscribe(&mut registry, "a", SubscribeOptions::default(), &listener);
    asked(&mut registry, now);
    registry.lost();
    registry.resume(SessionPresence::Present, true, now);
    assert_eq!(granted_alone(&mut registry, now).len(), 1);
    assert!(registry.next(true, now).is_none(), "it is not taken back after that");
    registry.end().await;
}

#[tokio::test]
async fn a_change_that_waits_has_its_own_answer() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    let options = SubscribeOptions::default();
    subscribe(&mut registry, "a", options.qos(QoS::AtLeastOnce), &listener);
    let (first, _) = asked(&mut registry, now);
    subscribe(&mut registry, "a", options.qos(QoS::AtMostOnce), &listener);
    assert!(matches!(registry.on_suback(first, &[0x80], now).unwrap()[..], [Outcome::Refused { .. }]));
    let (second, _) = asked(&mut registry, now);
    assert!(matches!(registry.on_suback(second, &[0], now).unwrap()[..], [Outcome::Granted { .. }]));
    // The other way round: what was granted is gone back to, though another change waited by then.
    subscribe(&mut registry, "b", options.qos(QoS::AtLeastOnce), &listener);
    let (first, _) = asked(&mut registry, now);
    subscribe(&mut registry, "b", options.qos(QoS::ExactlyOnce), &listener);
    registry.on_suback(first, &[1], now).unwrap();
    let (second, _) = asked(&mut registry, now);
    assert!(matches!(registry.on_suback(second, &[0x80], now).unwrap()[..], [Outcome::Refused { .. }]));
    let number = registry.find(&"b".parse().unwrap(), &listener).expect("it stays");
    assert_eq!(registry.grants.table().get(number).unwrap().options().qos, QoS::AtLeastOnce);
    registry.end().await;
}

#[tokio::test]
async fn a_narrow_filter_is_asked_for_alone_where_the_wide_one_over_it_is_not_granted_anew() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    subscribe(&mut registry, "a/#", SubscribeOptions::default().qos(QoS::AtMostOnce), &listener);
    let (id, _) = asked(&mut registry, now);
    registry.on_suback(id, &[0], now).unwrap();
    subscribe(&mut registry, "a/b", SubscribeOptions::default().qos(QoS::AtLeastOnce), &listener);
    let (wide, _) = asked(&mut registry, now);
    assert!(registry.on_suback(wide, &[0x80], now).unwrap().is_empty());
    let Some((Control::Subscribe { id, filters: [(filter, _)] }, _)) = registry.next(true, now) else {
        panic!("it is asked for");
    };
    assert_eq!(filter.as_str(), "a/b");
    let outcomes = registry.on_suback(id, &[1], now).unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Granted { code: 0, .. }]),
        "its messages come through the wide one"
    );
    assert!(matches!(registry.next(true, now), Some((Control::Unsubscribe { .. }, _))));
    registry.end().await;
}

#[tokio::test]
async fn a_copy_for_a_filter_that_is_not_granted_yet_is_none_where_another_brings_the_same() {
    let mut registry = registry();
    let now = Instant::now();
    registry.resume(SessionPresence::Absent, true, now);
    let ((both, mut heard_both), (one, mut heard_one)) = (listener(), listener());
    let options = SubscribeOptions::default().qos(QoS::ExactlyOnce);
    subscribe(&mut registry, "a/+", options, &both);
    while let Some((Control::Subscribe { id, .. }, _)) = registry.next(true, now) {
        registry.on_suback(id, &[2], now).unwrap();
    }
    subscribe(&mut registry, "a/1", options, &both);
    subscribe(&mut registry, "a/#", options, &one);
    let ids = ["a/1", "a/#", "a/+"].map(|text| registry.grants.table().id(&text.parse().unwrap()).unwrap());
    for asked in [false, true] {
        while asked && registry.next(true, now).is_some() {}
        for id in ids {
            let receipt = InDelivery::unacknowledged().admit(0, None);
            registry.deliver(MqttMessage::new("a/1", id.to_string()), &[id], &receipt, now);
        }
        let payload = async |received: &mut Received| received.recv().await.unwrap().payload;
        assert_eq!(payload(&mut heard_both).await, ids[2].to_string());
        assert_eq!(payload(&mut heard_one).await, ids[1].to_string());
    }
    registry.end().await;
    assert!(heard_both.try_recv().is_err() && heard_one.try_recv().is_err());
}

#[tokio::test]
async fn everything_is_asked_for_again_in_the_order_of_the_first_time() {
    let mut registry = registry();
    let now = Instant::now();
    registry.resume(SessionPresence::Absent, true, now);
    let (listener, _received) = listener();
    let filters: Vec<String> = (0..50).map(|number| format!("f/{number:02}")).collect();
    for filter in &filters {
        subscribe(&mut registry, filter, SubscribeOptions::default(), &listener);
    }
    assert_eq!(granted_alone(&mut registry, now).len(), 50);
    registry.lost();
    registry.resume(SessionPresence::Uncertain, true, now);
    let asked: Vec<String> =
        granted_alone(&mut registry, now).into_iter().map(|(filter, _)| filter.to_string()).collect();
    assert_eq!(asked, filters);
    registry.end().await;
}

pub fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

/// The link ends, and on the next one the filter is taken out, as one for which the broker ends links.
pub fn quarantine(registry: &mut Registry<()>, text: &str, now: Instant) {
    registry.lost();
    registry.resume(SessionPresence::Absent, false, now);
    registry.poison.quarantine(&filter(text), Cause::Unanswered(Duration::from_secs(1)), now);
    registry.refuse_poison();
}

#[tokio::test]
async fn a_change_without_an_answer_leaves_what_was_granted() {
    let mut registry = registry();
    let now = Instant::now();
    let ((one, mut received), (other, _other)) = (listener(), listener());
    subscribe(&mut registry, "a", SubscribeOptions::default(), &one);
    while grant(&mut registry, now) {}
    subscribe(&mut registry, "a", SubscribeOptions::default(), &other);
    asked(&mut registry, now);
    // Whoever asked gives up just before the answer is overdue.
    registry.give_up_on(&filter("a"), &other, |()| true);
    let limit = Duration::from_secs(30);
    let now = now + limit + Duration::from_secs(1);
    let timeouts = AnswerTimeouts { subscribe: Some(limit), unsubscribe: limit };
    assert!(registry.expire(timeouts, now).is_empty());
    assert!(!registry.is_missing(&filter("a")) && !registry.poison.is_quarantined(&filter("a")));
    deliver(&mut registry, "a", now);
    assert_eq!(&*heard(&mut received).await, "a");
    registry.end().await;
}

#[tokio::test]
async fn a_quarantined_filter_stays_out_where_the_next_broker_names_subscriptions_otherwise() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    for text in ["a/#", "a/b"] {
        subscribe(&mut registry, text, SubscribeOptions::default(), &listener);
        while grant(&mut registry, now) {}
    }
    quarantine(&mut registry, "a/#", now);
    registry.lost();
    registry.resume(SessionPresence::Absent, true, now);
    assert!(
        !registry.grants.broker().requests(&filter("a/#"))
            && registry.grants.broker().requests(&filter("a/b"))
    );
    registry.end().await;
}
