use std::time::Duration;

use tokio::time::Instant;

use super::super::poison::PoisonFilters;
use super::tests::{asked, filter, grant, listener, quarantine, registry, subscribe};
use super::*;

#[tokio::test]
async fn what_a_wider_filter_brings_is_not_missing() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    subscribe(&mut registry, "a/b", SubscribeOptions::default(), &listener);
    while grant(&mut registry, now) {}
    quarantine(&mut registry, "a/b", now);
    assert!(registry.missing().eq([&filter("a/b")]));
    assert_eq!(registry.recheck(), Recheck::Nothing);
    subscribe(&mut registry, "a/#", SubscribeOptions::default(), &listener);
    registry.release_poison(now + Duration::from_secs(3600));
    while grant(&mut registry, now) {}
    assert_eq!((registry.recheck(), registry.missing().count()), (Recheck::All, 0));
    registry.unsubscribe(&filter("a/#"), &listener).unwrap();
    assert_eq!((registry.recheck(), registry.recheck()), (Recheck::All, Recheck::Nothing));
    registry.end().await;
}

/// Only a bound of filters is remembered as quarantined; the others are released as well, on the same link.
#[tokio::test]
async fn what_is_not_remembered_as_quarantined_is_requested_again() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    let all: Vec<_> = (0..PoisonFilters::MAX).map(|number| format!("f/{number}")).collect();
    all.iter().for_each(|one| subscribe(&mut registry, one, SubscribeOptions::default(), &listener));
    while grant(&mut registry, now) {}
    registry.lost();
    registry.resume(SessionPresence::Absent, false, now);
    let cause = Cause::Unanswered(Duration::from_secs(1));
    all.iter().for_each(|one| registry.poison.quarantine(&filter(one), cause.clone(), now));
    registry.refuse_poison();
    assert_eq!(registry.missing().count(), PoisonFilters::MAX);
    registry.poison.quarantine(&filter("one/more"), cause, now + Duration::from_secs(1));
    registry.release_poison(now + Duration::from_secs(3600));
    while grant(&mut registry, now) {}
    assert_eq!(registry.missing().count(), 0);
    registry.end().await;
}

/// Where filters stand for others, `+/#` goes out as `#`; who listens to it is told of it by its own name.
#[tokio::test]
async fn a_filter_with_two_spellings_is_found_under_its_own() {
    let mut registry = registry();
    let now = Instant::now();
    let ((one, _one), (other, _other)) = (listener(), listener());
    subscribe(&mut registry, "+/#", SubscribeOptions::default(), &one);
    let (id, count) = asked(&mut registry, now);
    let outcomes = registry.on_suback(id, &vec![0x87; count], now).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Refused { filter, .. }] if filter.as_str() == "+/#"));
    subscribe(&mut registry, "+/#", SubscribeOptions::default(), &one);
    while grant(&mut registry, now) {}
    for _ in 0..=Suspects::MAX_ENDED {
        registry.ended(true, &LinkError::Ended, now);
        registry.resume(SessionPresence::Absent, false, now);
        let _ = registry.next(true, now);
    }
    assert!(registry.missing().eq([&filter("+/#")]));
    assert!(matches!(registry.cause(&filter("+/#")), Some((Cause::EndsLinks { .. }, _))));
    // Somebody else who asks for it now costs no link.
    subscribe(&mut registry, "+/#", SubscribeOptions::default(), &other);
    let outcomes = registry.refuse_poison();
    assert!(matches!(&outcomes[..], [Outcome::Refused { filter, .. }] if filter.as_str() == "+/#"));
    registry.end().await;
}

/// What came through a wider filter is asked for in its own name once that one is gone.
#[tokio::test]
async fn a_refused_filter_is_missing_again_without_the_wider_one() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    subscribe(&mut registry, "a/b", SubscribeOptions::default(), &listener);
    while grant(&mut registry, now) {}
    registry.lost();
    registry.resume(SessionPresence::Absent, false, now);
    let (id, _) = asked(&mut registry, now);
    let outcomes = registry.on_suback(id, &[0x87], now).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::TakenBack { .. }]));
    assert!(registry.missing().eq([&filter("a/b")]));
    subscribe(&mut registry, "a/#", SubscribeOptions::default(), &listener);
    while grant(&mut registry, now) {}
    assert_eq!((registry.recheck(), registry.missing().count()), (Recheck::All, 0));
    registry.unsubscribe(&filter("a/#"), &listener).unwrap();
    assert_eq!((registry.recheck(), registry.missing().count()), (Recheck::All, 1));
    registry.request_suspended(now);
    let (id, _) = asked(&mut registry, now);
    assert!(registry.on_suback(id, &[0], now).unwrap().is_empty() && !registry.is_missing(&filter("a/b")));
    registry.end().await;
}

/// What a quarantined filter covers is requested in its place, unless it is quarantined too.
#[tokio::test]
async fn a_quarantined_filter_under_another_one_is_refused_with_that() {
    let mut registry = registry();
    let now = Instant::now();
    let (listener, _received) = listener();
    for text in ["a/b", "a/c", "a/#"] {
        subscribe(&mut registry, text, SubscribeOptions::default(), &listener);
    }
    let cause = Cause::Unanswered(Duration::from_secs(1));
    ["a/b", "a/#"].iter().for_each(|text| registry.poison.quarantine(&filter(text), cause.clone(), now));
    assert_eq!(registry.refuse_poison().len(), 2);
    assert_eq!(asked(&mut registry, now).1, 1, "`a/c` alone");
    registry.end().await;
}
