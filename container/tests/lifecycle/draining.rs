//! A service that is asked to end goes on serving for its delay, takes nothing new after it, and closes then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use wirework::component::{Readiness, ServiceState};
use wirework_container::run::{Container, Started};
use wirework_container::{Event, Events, Listener, StopCause};

use super::probe::Journal;
use super::{manifest, plan};

const DELAY: Duration = Duration::from_secs(10);
const DELAYED: &str = "drain_delay = \"10s\"";

/// What was said of draining.
#[derive(Default)]
struct Drains(Mutex<Vec<(String, Duration)>>);

impl Listener for Drains {
    fn on(&self, event: &Event<'_>) {
        let Event::Draining { cause, delay, .. } = event else { return };
        let cause = match cause {
            StopCause::Asked => "asked".to_owned(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push((cause, *delay));
    }
}

async fn start(graph: &str, with: &[(&str, &str)], service: &str) -> (Container, Arc<Drains>) {
    let drains = Arc::new(Drains::default());
    let plan = plan(&manifest(graph, with, service), &Journal::default()).unwrap();
    let events = Events::default().and(Arc::clone(&drains) as Arc<dyn Listener>);
    let started =
        Container::start_observed(plan, None, Handle::current(), events, std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("{started:?}") };
    (container, drains)
}

#[tokio::test(start_paused = true)]
async fn it_serves_for_the_delay_and_takes_nothing_new_after_it() {
    let (container, drains) = start("a", &[], DELAYED).await;
    let (view, began) = (container.view(), Instant::now());
    {
        let mut drained = std::pin::pin!(container.drain());
        assert!(futures_util::poll!(&mut drained).is_pending());
        assert_eq!((view.state(), view.readiness()), (ServiceState::Draining, Readiness::Draining));
        assert!(view.takes_work());
        assert!(timeout(DELAY - Duration::from_millis(1), &mut drained).await.is_err());
        assert!(view.takes_work());
        drained.await;
    }
    assert!(began.elapsed() >= DELAY && !view.takes_work());
    assert_eq!(view.state(), ServiceState::Draining, "it does not close by itself");
    container.close().await.unwrap();
    assert_eq!(*drains.0.lock().unwrap(), [("asked".to_owned(), DELAY)]);
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_counted_from_the_first_time() {
    let (container, drains) = start("a", &[], DELAYED).await;
    let (control, began) = (container.control(), Instant::now());
    assert!(timeout(Duration::from_secs(4), control.drain()).await.is_err());
    container.drain().await;
    control.drain().await;
    assert!((DELAY..Duration::from_secs(11)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(drains.0.lock().unwrap().len(), 1, "it is told once");
    container.close().await.unwrap();
    control.drain().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_the_intake_ends_at_once() {
    let (container, drains) = start("a", &[], "").await;
    let began = Instant::now();
    container.drain().await;
    assert!(!container.view().takes_work());
    assert_eq!((began.elapsed(), drains.0.lock().unwrap()[0].1), (Duration::ZERO, Duration::ZERO));
    container.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_component_that_stops_the_service_waits_for_no_delay() {
    let (container, _) = start("a", &[("a", "then = \"stopsoon\"")], "drain_delay = \"1h\"").await;
    let began = Instant::now();
    container.drain().await;
    assert!(began.elapsed() < Duration::from_secs(60) && !container.view().takes_work());
    let failure = container.failed().await;
    assert_eq!(failure.source.to_string(), "worn out");
    container.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_nobody_looked_at_is_told_by_the_close() {
    let (container, _) = start("a", &[("a", "then = \"stopsoon\"")], "drain_delay = \"1h\"").await;
    container.drain().await;
    assert_eq!(container.close().await.unwrap_err().first().source.to_string(), "worn out");
}

#[tokio::test(start_paused = true)]
async fn a_close_without_a_drain_ends_the_intake_before_anything_closes() {
    let (container, drains) =
        start("a", &[("a", "fail = \"close\"\nhow = \"hang\"")], "drain_delay = \"1h\"").await;
    let (view, control) = (container.view(), container.control());
    let closing = tokio::spawn(container.close());
    view.intake_ended().await;
    control.drain().await;
    assert!(!view.takes_work() && view.state() == ServiceState::Closing);
    closing.await.unwrap().unwrap_err();
    assert!(drains.0.lock().unwrap().iter().all(|(_, delay)| delay.is_zero()));
}

#[tokio::test]
async fn a_stop_is_asked_for_from_anywhere() {
    let (container, _) = start("a", &[], "").await;
    let control = container.control();
    assert!(futures_util::poll!(std::pin::pin!(container.stop_asked())).is_pending());
    tokio::spawn(async move { control.stop() });
    container.stop_asked().await;
    container.stop_asked().await;
    container.close().await.unwrap();
}
