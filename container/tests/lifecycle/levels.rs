//! Log levels that are set while a service runs: they hold, are seen, are told, and go back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::MutexGuard;
use wirework::Coded;
use wirework::component::{LevelTarget, LogLevel};
use wirework::log::{Level, LevelSetting, LogSink, Record, Router, Scope, SinkId};
use wirework_container::run::{Container, LevelChange, LevelChangeError, Started};
use wirework_container::{Event, Events, LevelEnd, Listener};

use super::probe::Journal;
use super::{manifest, plan};

/// A sink of the level `info` to which everything is routed.
struct Normal;

impl LogSink for Normal {
    fn level(&self) -> Level {
        Level::Info
    }
    fn log(&self, _: &Record<'_>) {}
}

/// What was said of levels.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Said {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Listener for Said {
    fn on(&self, event: &Event<'_>) {
        let line = match event {
            Event::LevelSet { set, lasts, .. } => {
                format!("{} {} for {lasts:?} by {}", set.target, set.level, set.asked_by)
            }
            Event::LevelReset { set, end: LevelEnd::Reset { asked_by }, .. } => {
                format!("{} back by {asked_by}", set.target)
            }
            Event::LevelReset { set, end, .. } => format!("{} back: {end:?}", set.target),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A sink for as long as it is there.
struct Added(SinkId);

impl Drop for Added {
    fn drop(&mut self) {
        Router::process().remove(self.0);
    }
}

/// A running service. One at a time, since the levels of what is outside of components are those of the process.
struct Service {
    container: Container,
    said: Arc<Said>,
    _sink: Added,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Service {
    async fn start(graph: &str) -> Self {
        static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let one = ONE.lock().await;
        let sink = Router::process().add(&Scope::new("t:sink:x:x:1.0".parse().unwrap()), Arc::new(Normal));
        let said = Arc::new(Said::default());
        let events = Events::default().and(Arc::clone(&said) as Arc<dyn Listener>);
        let plan = plan(&manifest(graph, &[], ""), &Journal::default()).unwrap();
        let (router, never) = (Some(Router::process()), std::future::pending());
        let started = Container::start_observed(plan, router, Handle::current(), events, never).await;
        let Ok(Started::Ready(container)) = started else { panic!("{started:?}") };
        Self { container, said, _sink: Added(sink), _one_at_a_time: one }
    }

    /// The levels in force, of the container and then of the components.
    fn now(&self) -> Vec<Level> {
        self.container.view().levels().iter().map(|level| level.level).collect()
    }

    fn level(&self, target: &LevelTarget) -> LogLevel {
        self.container.control().levels().into_iter().find(|level| level.target == *target).unwrap()
    }
}

fn component(name: &str) -> LevelTarget {
    LevelTarget::Component(format!("t:probe:x:{name}:1.0").parse().unwrap())
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_level_holds_for_its_time_and_goes_back_by_itself() {
    let service = Service::start("a b").await;
    let control = service.container.control();
    let change = LevelChange::new(component("a"), Level::Debug).lasting(MINUTE).asked_by("Ada");
    let set = control.set_level(change).unwrap();
    assert!(set.until.unwrap() > SystemTime::now() + MINUTE / 2);
    let shown = service.level(&component("a"));
    assert_eq!((shown.configured, shown.level, shown.overridden), (Level::Info, Level::Debug, Some(set)));
    assert_eq!(service.now(), [Level::Info, Level::Debug, Level::Info]);

    tokio::time::sleep(MINUTE - Duration::from_millis(1)).await;
    assert_eq!(service.now()[1], Level::Debug);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(service.now(), [Level::Info; 3]);
    assert!(service.level(&component("a")).overridden.is_none());
    let said = service.said.take();
    assert_eq!(said, ["t:probe:x:a:1.0 debug for Some(60s) by Ada", "t:probe:x:a:1.0 back: TimeOver"]);
}

#[tokio::test(start_paused = true)]
async fn set_again_a_level_has_a_new_time_and_others_have_their_own() {
    let service = Service::start("a b").await;
    let control = service.container.control();
    let set = |name: &str, level, minutes| {
        control.set_level(LevelChange::new(component(name), level).lasting(minutes * MINUTE)).unwrap();
    };
    set("a", Level::Debug, 10);
    set("b", Level::Warn, 2);
    set("a", Level::Trace, 1);
    assert_eq!(service.now()[1..], [Level::Trace, Level::Warn]);
    tokio::time::sleep(MINUTE + MINUTE / 2).await;
    assert_eq!(service.now()[1..], [Level::Info, Level::Warn]);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(service.now(), [Level::Info; 3]);
    set("a", Level::Debug, 1);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(service.now(), [Level::Info; 3], "also after a time without any");
}

#[tokio::test(start_paused = true)]
async fn what_is_set_for_one_holds_whatever_is_set_for_all() {
    let service = Service::start("a b").await;
    let control = service.container.control();
    control.set_level(LevelChange::new(component("a"), Level::Trace).until_reset()).unwrap();
    control.set_level(LevelChange::new(LevelTarget::All, Level::Debug).lasting(MINUTE)).unwrap();
    assert_eq!(service.now(), [Level::Debug, Level::Trace, Level::Debug]);
    assert_eq!(service.level(&component("b")).overridden.unwrap().target, LevelTarget::All);
    control.set_level(LevelChange::new(LevelTarget::Container, Level::Error)).unwrap();
    assert_eq!(service.now(), [Level::Error, Level::Trace, Level::Debug]);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(service.now(), [Level::Error, Level::Trace, Level::Info]);
    tokio::time::sleep(LevelChange::DEFAULT_TIME).await;
    assert_eq!(service.now(), [Level::Info, Level::Trace, Level::Info], "what has no time stays");

    assert!(control.reset_level(&component("b"), "Ada").unwrap().is_empty());
    control.set_level(LevelChange::new(LevelTarget::Container, Level::Debug)).unwrap();
    service.said.take();
    let taken = control.reset_level(&LevelTarget::All, "Ada").unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(service.now(), [Level::Info; 3]);
    assert_eq!(service.said.take(), ["the container back by Ada", "t:probe:x:a:1.0 back by Ada"]);
    tokio::time::sleep(2 * LevelChange::DEFAULT_TIME).await;
    assert!(service.said.take().is_empty(), "what was taken back does not go back again");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_set_is_refused_and_changes_nothing() {
    let service = Service::start("sensor writer").await;
    let control = service.container.control();
    let of = |target, level| LevelChange::new(target, level);
    let table = [
        (of(component("sensr"), Level::Debug), "UNKNOWN_COMPONENT"),
        (of(component("sensor"), Level::None), "BAD_LEVEL"),
        (of(LevelTarget::All, Level::Debug).lasting(Duration::ZERO), "BAD_VALUE"),
        (of(LevelTarget::All, Level::Debug).lasting(LevelChange::MAX_TIME + MINUTE), "BAD_VALUE"),
    ];
    let messages = table.map(|(change, code)| {
        let error = control.set_level(change).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        error.to_string()
    });
    insta::assert_snapshot!(messages.join("\n"));
    let unknown = control.reset_level(&component("sensr"), "Ada").unwrap_err();
    assert_eq!(unknown.to_string(), messages[0]);
    control.set_level(of(LevelTarget::All, Level::Debug).lasting(LevelChange::MAX_TIME)).unwrap();
    assert_eq!(service.said.take().len(), 1);
}

#[tokio::test]
async fn with_the_service_its_levels_end() {
    let service = Service::start("a").await;
    let control = service.container.control();
    control.set_level(LevelChange::new(LevelTarget::All, Level::Debug)).unwrap();
    assert_eq!(LevelSetting::outside().now(), Level::Debug);
    let Service { container, _one_at_a_time, .. } = service;
    drop(container);
    assert_eq!(LevelSetting::outside().overridden(), None);
    let error = control.set_level(LevelChange::new(LevelTarget::All, Level::Debug)).unwrap_err();
    assert_eq!(error, LevelChangeError::Closed);
    assert_eq!(control.reset_level(&LevelTarget::All, "Ada").unwrap_err(), LevelChangeError::Closed);
    assert_eq!(LevelSetting::outside().overridden(), None);
}

#[tokio::test]
async fn a_subscriber_without_the_router_has_its_own_levels() {
    let plan = plan(&manifest("a", &[], ""), &Journal::default()).unwrap();
    let started = Container::start(plan, None, Handle::current(), std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("{started:?}") };
    let error = container.control().set_level(LevelChange::new(component("a"), Level::Debug)).unwrap_err();
    assert_eq!(error, LevelChangeError::NotRouted);
    container.close().await.unwrap();
}
