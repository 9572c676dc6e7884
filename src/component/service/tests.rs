//! States, readiness and changes of a service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::readiness::Blockers;
use super::states::{CHANGES, HISTORY};
use super::*;
use crate::component::Status;
use crate::error::{Category, Error};

fn service(members: Vec<ServiceMember>) -> (Arc<ServiceStates>, ServiceView) {
    let states = ServiceStates::new("telemetry", Some("Averages".into()), members, NoGraph);
    let view = ServiceView::of(&states);
    (states, view)
}

fn member(name: &str) -> ServiceMember {
    ServiceMember::new(format!("acme:thing:default:{name}:1.0").parse().unwrap())
}

fn set(states: &ServiceStates, position: u32, status: Status) {
    states.update(position, |now| {
        *now = status;
        true
    });
}

fn failed() -> Status {
    Status::failed(Error::new(Category::Internal, "X", "broken"))
}

#[test]
fn ready_is_what_has_started_and_lacks_nothing_critical() {
    let (states, view) = service(vec![member("a"), member("b").critical(false)]);
    assert_eq!(view.readiness(), Readiness::Starting);
    set(&states, 0, Status::Open);
    states.set_service(ServiceState::Running);
    assert_eq!(view.readiness(), Readiness::Ready);
    set(&states, 0, Status::recovering("link lost"));
    set(&states, 1, failed());
    assert_eq!(view.readiness(), Readiness::Ready);
    set(&states, 0, failed());
    let readiness = view.readiness();
    assert_eq!(readiness.to_string(), "blocked by acme:thing:default:a:1.0");
    set(&states, 0, Status::Open);
    states.set_service(ServiceState::Draining);
    assert_eq!(view.readiness(), Readiness::Draining);
    states.set_service(ServiceState::Running);
    assert_eq!(view.readiness(), Readiness::Draining, "a service does not go back");
    states.set_service(ServiceState::Closed);
    assert_eq!(view.readiness(), Readiness::Closed);
}

#[test]
fn a_recovering_component_counts_where_its_section_says_so() {
    let after = |time| ReadinessRule::After(Duration::from_secs(time));
    for (rule, critical, blocks) in [
        (ReadinessRule::Ignore, true, false),
        (ReadinessRule::Open, true, true),
        (ReadinessRule::Open, false, true),
        (after(0), true, true),
        (after(3_600), true, false),
    ] {
        let (states, view) = service(vec![member("a").critical(critical).readiness(rule)]);
        states.set_service(ServiceState::Running);
        set(&states, 0, Status::recovering("link lost"));
        assert_eq!(!view.readiness().is_ready(), blocks, "{rule:?}");
        set(&states, 0, Status::Open);
        assert!(view.readiness().is_ready(), "{rule:?}");
    }
    // A failed one blocks at once, also where a rule gives it time to recover.
    let (states, view) = service(vec![member("a").critical(false).readiness(after(3_600))]);
    states.set_service(ServiceState::Running);
    set(&states, 0, failed());
    assert!(!view.readiness().is_ready());
}

#[test]
fn another_reason_does_not_begin_a_new_time() {
    let mut blockers = Blockers::default();
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let rule = ReadinessRule::After(10 * second);
    blockers.note(3, (rule, true), &Status::recovering("a"), now);
    blockers.note(3, (rule, true), &Status::recovering("b"), now + 5 * second);
    assert_eq!(blockers.at(now + 9 * second).count(), 0);
    assert_eq!(blockers.at(now + 10 * second).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_restart_is_no_recovery() {
    let (states, view) = service(vec![member("a")]);
    let counts = || view.component(0).map(|state| (state.recoveries, state.restarts)).unwrap();
    for status in [Status::Opening, Status::Open, Status::recovering("link lost"), Status::Open] {
        set(&states, 0, status);
    }
    assert_eq!(counts(), (1, 0));
    for status in [Status::Closing, Status::Closed, Status::Created, Status::Opening, Status::Open] {
        set(&states, 0, status);
    }
    assert_eq!(counts(), (1, 1));
    set(&states, 0, Status::recovering("link lost"));
    set(&states, 0, Status::Open);
    assert_eq!(counts(), (2, 1));
}

#[test]
fn states_have_a_time_a_count_and_a_bounded_history() {
    let (states, view) = service(vec![member("a")]);
    for _ in 0..20 {
        set(&states, 0, Status::recovering("link lost"));
        set(&states, 0, Status::Open);
    }
    states.update(0, |_| false);
    let state = view.component(0).unwrap();
    assert_eq!((state.changes, state.recoveries, state.status.name()), (40, 19, "open"));
    assert_eq!(state.restarts, 0);
    let history = view.history(0);
    assert_eq!(history.len(), HISTORY);
    assert_eq!(history.last().unwrap().at, state.since);
    assert!(history.iter().zip(&history[1..]).all(|(one, next)| one.at <= next.at));
    assert!(view.component(1).is_none() && view.history(1).is_empty());
    let a = state.descriptor;
    assert_eq!((view.position(&a), view.len(), view.description()), (Some(0), 1, Some("Averages")));
}

#[tokio::test]
async fn changes_come_in_order_and_who_is_slow_is_told() {
    let (states, view) = service(vec![member("a")]);
    set(&states, 0, Status::Opening);
    let (mut changes, mut slow) = (view.changes(), view.changes());
    set(&states, 0, Status::Open);
    states.set_service(ServiceState::Running);
    let next = changes.next().await.unwrap();
    assert!(matches!(next, Change::Component { position: 0, change } if change.status.is_open()));
    assert!(matches!(changes.next().await, Some(Change::Service(ServiceState::Running))));
    assert!(futures_util::poll!(Box::pin(changes.next())).is_pending());
    for _ in 0..CHANGES {
        set(&states, 0, Status::Open);
    }
    assert!(matches!(slow.next().await, Some(Change::Missed(2))));
    states.set_service(ServiceState::Closed);
    let mut last = None;
    while let Some(change) = slow.next().await {
        last = Some(change);
    }
    assert!(matches!(last, Some(Change::Service(ServiceState::Closed))));
}

#[tokio::test]
async fn the_intake_ends_once_and_with_the_close_at_the_latest() {
    let (states, view) = service(vec![member("a")]);
    states.set_service(ServiceState::Running);
    let mut ended = Box::pin(view.intake_ended());
    assert!(view.takes_work() && futures_util::poll!(&mut ended).is_pending());
    states.set_service(ServiceState::Draining);
    assert!(view.takes_work() && futures_util::poll!(&mut ended).is_pending(), "it goes on serving");
    states.end_intake();
    states.end_intake();
    ended.await;
    assert!(!view.takes_work());
    view.intake_ended().await;

    let (states, view) = service(vec![member("a")]);
    let ended = view.intake_ended();
    states.set_service(ServiceState::Closing);
    ended.await;
    assert!(!view.takes_work());
}

#[tokio::test]
async fn who_waits_for_the_end_of_the_intake_keeps_what_tells_of_it() {
    let (states, view) = service(vec![member("a")]);
    let mut ended = Box::pin(view.intake_ended());
    drop((states, view));
    assert!(futures_util::poll!(&mut ended).is_pending());
}
