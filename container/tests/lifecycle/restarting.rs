//! A component that is restarted takes along those that hold it, and nobody else; whatever fails, the others go on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use wirework::component::{InstanceFactory, Offered, Readiness, ServiceState, Status};
use wirework::config::Problems;
use wirework::{Coded, Descriptor};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, RestartError, Restarted, Started};
use wirework_container::{Event, Events, Listener};

use super::probe::{Journal, Thing, registry};
use super::{manifest, only, plan, texts};

/// What was said of restarts.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    ended: Notify,
}

impl Told {
    /// Waits until a restart has ended.
    async fn ended(&self) {
        self.ended.notified().await;
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Listener for Told {
    fn on(&self, event: &Event<'_>) {
        let line = match event {
            Event::Restarting { component, components, asked_by, .. } => {
                format!("restarting {} of {} for {asked_by}", component.name(), components.len())
            }
            Event::Restarted { component, components, .. } => {
                format!("restarted {}: {components}", component.name())
            }
            Event::NotRestarted { component, error, .. } => {
                format!("not restarted {}: {}", component.name(), error.code())
            }
            Event::NotStarted { failure, effect, .. } => format!("{failure}: {effect:?}"),
            _ => return,
        };
        self.lines.lock().unwrap().push(line);
        if matches!(event, Event::Restarted { .. } | Event::NotRestarted { .. }) {
            self.ended.notify_one();
        }
    }
}

pub struct Service {
    pub container: Container,
    pub journal: Journal,
    told: Arc<Told>,
}

impl Service {
    async fn start(graph: &str, with: &[(&str, &str)], service: &str) -> Self {
        Self::start_told(graph, with, service, Events::default()).await
    }

    /// The same with further listeners.
    pub async fn start_told(graph: &str, with: &[(&str, &str)], service: &str, events: Events) -> Self {
        let (journal, told) = (Journal::default(), Arc::new(Told::default()));
        let plan = plan(&manifest(graph, with, service), &journal).unwrap();
        let events = events.and(Arc::clone(&told) as Arc<dyn Listener>);
        let container = started(plan, events).await;
        journal.forget();
        Self { container, journal, told }
    }

    pub async fn restart(&self, name: &str) -> Result<Restarted, RestartError> {
        self.container.control().restart(&self.descriptor(name), "Ada").await
    }

    /// The descriptor of a name.
    fn descriptor(&self, name: &str) -> Descriptor {
        let mut all = self.container.view().components().into_iter().map(|one| one.descriptor);
        all.find(|descriptor| descriptor.name() == name).unwrap()
    }

    fn thing(&self, name: &str) -> Arc<dyn Thing> {
        self.container.get::<dyn Thing>(&self.descriptor(name)).unwrap()
    }

    pub fn status(&self, name: &str) -> String {
        let descriptor = self.descriptor(name);
        let statuses = self.container.statuses().into_iter();
        statuses.filter(|(one, _)| *one == descriptor).map(|(_, status)| status.to_string()).collect()
    }

    fn told(&self) -> Vec<String> {
        self.told.lines()
    }
}

async fn started(plan: Plan, events: Events) -> Container {
    let started =
        Container::start_observed(plan, None, Handle::current(), events, std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("{started:?}") };
    container
}

/// Graph, what is restarted, order of creation, of closing, of opening.
const RESTARTS: &[(&str, &str, &str, &str, &str)] = &[
    ("a", "a", "a", "a", "a"),
    ("a b", "a", "a", "a", "a"),
    ("a b>a c", "a", "a b", "b a", "a b"),
    ("a b>a c", "b", "b", "b", "b"),
    ("a b!a c!b d>a x", "a", "a b c d", "d c b a", "a b c d"),
    ("a b!a c!b d>a x", "b", "b c", "c b", "b c"),
    ("c>b b>a a", "a", "a b c", "c b a", "a b c"),
    ("a b~a", "a", "a", "a", "a"),
    ("a~b b>a", "a", "a b", "b a", "a b"),
    ("a b e^", "a", "a", "a", "a"),
    ("a b e^", "e", "e", "e", "e"),
    ("a b>* c", "a", "a b", "b a", "a b"),
];

#[tokio::test]
async fn those_that_hold_a_component_are_restarted_with_it_and_nobody_else() {
    for (graph, name, created, closed, opened) in RESTARTS {
        let service = Service::start(graph, &[], "open_concurrency = 1").await;
        let restarted = service.restart(name).await.unwrap();
        let lines = service.journal.lines();
        assert_eq!(only("create", &lines), *created, "{graph}: {name}");
        assert_eq!(only("close", &lines), *closed, "{graph}: {name}");
        assert_eq!(only("open", &lines), *opened, "{graph}: {name}");
        let first = |what: &str| lines.iter().position(|line| line.starts_with(what)).unwrap();
        let last = |what: &str| lines.iter().rposition(|line| line.starts_with(what)).unwrap();
        assert!(last("create") < first("close") && last("close") < first("open"), "{lines:?}");
        assert_eq!(restarted.components.len(), created.split(' ').count());
        assert!(restarted.not_closed.is_none() && service.container.readiness().is_ready());
        service.journal.forget();
        service.container.close().await.unwrap();
        let all = only("close", &service.journal.lines());
        assert_eq!(all.split(' ').count(), graph.split_whitespace().count(), "{graph}: {all}");
    }
}

#[tokio::test]
async fn what_only_opens_after_it_stays() {
    let service = Service::start("a b", &[("b", "after = [\"t:*:x:a:1.0\"]")], "").await;
    service.restart("a").await.unwrap();
    assert_eq!(service.journal.lines(), ["create a", "close a", "open a"]);
    service.container.close().await.unwrap();
}

#[tokio::test]
async fn a_restarted_component_is_another_one_and_late_references_lead_to_it() {
    let service = Service::start("a b~a c~*", &[], "").await;
    let (old, other) = (service.thing("a"), service.thing("b"));
    service.restart("a").await.unwrap();
    let new = service.thing("a");
    assert!(!Arc::ptr_eq(&old, &new) && Arc::ptr_eq(&other, &service.thing("b")));
    let weak = Arc::downgrade(&old);
    drop(old);
    assert!(weak.upgrade().is_none(), "nobody keeps it");
    assert_eq!(service.thing("b").late(), ["a"]);
    assert_eq!(service.thing("c").late(), ["a", "b"]);
    service.container.close().await.unwrap();
}

#[tokio::test]
async fn the_history_goes_on_and_the_restart_is_told() {
    let service = Service::start("a b>a", &[], "").await;
    let view = service.container.view();
    let before = view.component(0).unwrap();
    service.restart("a").await.unwrap();
    let after = view.component(0).unwrap();
    let history: Vec<_> = view.history(0).iter().map(|change| change.status.name()).collect();
    let life = ["created", "opening", "open"];
    assert_eq!(history, [&life[..], &["closing", "closed"], &life[..]].concat());
    assert_eq!((before.changes + 5, 0, 1), (after.changes, after.recoveries, after.restarts));
    assert_eq!(service.told(), ["restarting a of 2 for Ada", "restarted a: 2"]);
    for _ in 0..3 {
        service.restart("b").await.unwrap();
    }
    let (a, b) = (view.component(0).unwrap(), view.component(1).unwrap());
    assert_eq!((a.recoveries, a.restarts, b.recoveries, b.restarts), (0, 1, 0, 4), "none is a recovery");
    service.container.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_created_anew_changes_nothing() {
    for (how, why) in [("error", "out of clay"), ("panic", "its `create` panicked: dropped the clay")] {
        let fails = format!("fail = \"create\"\nhow = \"{how}\"\nlife = 2");
        let service = Service::start("a b>a c!b x", &[("b", &fails)], "").await;
        let old = service.thing("a");
        let error = service.restart("a").await.unwrap_err();
        let RestartError::NotCreated { source, .. } = &error else { panic!("{error}") };
        assert_eq!(
            texts(source),
            [
                format!("cannot create `t:probe:x:b:1.0`: {why}"),
                "cannot create `t:needy:x:c:1.0`: it requires `t:probe:x:b:1.0`, which failed".to_owned()
            ]
        );
        assert_eq!(only("close", &service.journal.lines()), "");
        assert!(Arc::ptr_eq(&old, &service.thing("a")) && service.container.readiness().is_ready());
        assert_eq!(service.told().last().unwrap(), "not restarted a: NOT_CREATED");
        service.restart("a").await.unwrap();
        service.container.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_open_anew_stays_failed_and_the_others_go_on() {
    let fails = "fail = \"open\"\nlife = 2";
    let service = Service::start("a b>a c!b d>b x", &[("b", fails)], "").await;
    let error = service.restart("a").await.unwrap_err();
    let RestartError::NotOpened { source, .. } = &error else { panic!("{error}") };
    assert_eq!(
        texts(source),
        [
            "cannot open `t:probe:x:b:1.0`: no answer",
            "cannot open `t:needy:x:c:1.0`: it requires `t:probe:x:b:1.0`, which failed"
        ]
    );
    let states = ["a", "b", "d", "x"].map(|name| service.status(name));
    assert_eq!(states, ["open", "failed: no answer", "open", "open"]);
    assert!(matches!(service.container.readiness(), Readiness::Blocked(blocking) if blocking.len() == 2));
    assert_eq!(service.container.view().state(), ServiceState::Running);
    assert!(service.told().contains(&"cannot open `t:probe:x:b:1.0`: NotRestarted".to_owned()));
    // What requires it cannot be restarted alone, and it can.
    let alone = service.restart("c").await.unwrap_err();
    assert!(matches!(&alone, RestartError::NotCreated { .. }), "{alone}");
    service.journal.forget();
    service.restart("b").await.unwrap();
    assert_eq!(only("close", &service.journal.lines()), "d b", "what had begun to open is cleaned up");
    assert!(service.container.readiness().is_ready());
    service.container.close().await.unwrap();
}

#[tokio::test]
async fn what_failed_to_start_can_be_restarted() {
    for fail in ["create", "open"] {
        let fails = format!("fail = \"{fail}\"\nlife = 1\ncritical = false");
        let service = Service::start("a b!a", &[("a", &fails), ("b", "critical = false")], "").await;
        assert_eq!(service.container.statuses().iter().filter(|(_, one)| one.is_open()).count(), 0);
        service.restart("a").await.unwrap();
        assert_eq!(service.container.statuses().iter().filter(|(_, one)| one.is_open()).count(), 2);
        service.container.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_hangs_is_left_behind_in_time() {
    let hangs = "fail = \"close\"\nhow = \"hang\"\nlife = 1\nthen = \"endless\"";
    let service = Service::start("a b>a", &[("b", hangs)], "timeout = \"4s\"").await;
    let began = Instant::now();
    let restarted = service.restart("a").await.unwrap();
    assert!(began.elapsed() <= Duration::from_secs(4), "{:?}", began.elapsed());
    let said = "cannot close `t:probe:x:b:1.0`: its `close` did not end within 2 s";
    assert_eq!(texts(&restarted.not_closed.unwrap()), [said]);
    assert!(service.journal.lines().contains(&"ended b".to_owned()), "its tasks have ended");
    assert_eq!((service.status("a"), service.status("b")), ("open".into(), "open".into()));
    service.container.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn there_is_one_restart_at_a_time_and_it_goes_on_alone() {
    let service = Service::start("a b", &[("a", "opens_in = 1000")], "").await;
    let (control, name) = (service.container.control(), service.descriptor("a"));
    drop(control.begin_restart(&name, "Ada").unwrap());
    let busy = control.restart(&service.descriptor("b"), "Ada").await.unwrap_err();
    assert!(matches!(&busy, RestartError::Busy { component } if *component == name), "{busy}");
    service.journal.noted("open a").await;
    service.container.wait(&name, Status::is_open).await;
    // It is told before the next one may begin.
    service.told.ended().await;
    service.restart("b").await.unwrap();
    service.container.close().await.unwrap();
}

/// In which phase a restart of `a` is when the service closes, and what is done after that.
const STOPPED: &[(&str, &str, &str, &str)] = &[
    ("opens_in = 3600000\ntimeout = \"2h\"", "open a", "x c a", ""),
    (
        "fail = \"close\"\nhow = \"hang\"\nlife = 1",
        "close a",
        "x c",
        "cannot close `t:probe:x:a:1.0`: its `close` did not end within 5 s",
    ),
];

#[tokio::test(start_paused = true)]
async fn a_service_that_closes_ends_a_restart_within_its_time() {
    for (with, phase, then, said) in STOPPED {
        let service =
            Service::start("a c x", &[("a", with)], "timeout = \"10s\"\nopen_concurrency = 1").await;
        let restart = service.container.control().begin_restart(&service.descriptor("a"), "Ada").unwrap();
        service.journal.noted(phase).await;
        service.journal.forget();
        let began = Instant::now();
        let view = service.container.view();
        let closed = service.container.close().await;
        assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
        let error = restart.finished().await.unwrap_err();
        assert!(matches!(error, RestartError::Stopped { .. }), "{error}");
        assert_eq!(view.state(), ServiceState::Closed);
        assert_eq!(closed.err().map(|failures| texts(&failures).join("; ")).unwrap_or_default(), *said);
        let lines = only("close", &service.journal.lines());
        assert!(then.split(' ').all(|name| lines.contains(name)), "{lines}");
        assert_eq!(service.told.lines().last().unwrap(), "not restarted a: STOPPED");
    }
}

#[tokio::test]
async fn a_container_that_is_dropped_takes_its_restart_along() {
    let service = Service::start("a", &[("a", "then = \"endless\"\nopens_in = 0")], "").await;
    let weak = Arc::downgrade(&service.thing("a"));
    let restart = service.container.control().begin_restart(&service.descriptor("a"), "Ada").unwrap();
    let control = service.container.control();
    drop(service.container);
    assert!(matches!(restart.finished().await, Err(RestartError::BrokenOff { .. })));
    assert!(weak.upgrade().is_none());
    let late = control.restart(&"t:probe:x:a:1.0".parse().unwrap(), "Ada").await;
    assert!(matches!(late, Err(RestartError::NotRunning { .. })), "{late:?}");
}

#[tokio::test]
async fn a_restart_is_refused_where_it_cannot_be() {
    let service = Service::start("a b", &[], "").await;
    let control = service.container.control();
    let unknown = control.restart(&"t:prob:x:a:1.0".parse().unwrap(), "Ada").await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the service has no component `t:prob:x:a:1.0`; did you mean `t:probe:x:a:1.0`?"
    );
    let name = service.descriptor("a");
    assert_eq!(control.restarts_with(&name).unwrap(), std::slice::from_ref(&name));
    control.drain().await;
    let draining = control.restart(&name, "Ada").await.unwrap_err();
    assert_eq!(
        draining.to_string(),
        "the service is draining: components are restarted only while it is running"
    );
    service.container.close().await.unwrap();
    assert_eq!(service.journal.lines(), ["close b", "close a"]);
    assert!(matches!(control.restart(&name, "Ada").await, Err(RestartError::NotRunning { .. })));
}

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);
struct Blue;
impl Ink for Blue {}

#[tokio::test]
async fn what_the_program_made_is_not_made_anew() {
    let journal = Journal::default();
    let mut registry = registry(&journal);
    let name: Descriptor = "t:ink:x:blue:1.0".parse().unwrap();
    let blue = Offered::<dyn Ink>::new(Arc::new(Blue));
    registry.add(InstanceFactory::new(name.clone(), Arc::new(blue))).unwrap();
    let text = format!("{}\n[[component]]\ndescriptor = \"{name}\"\n", manifest("a", &[], ""));
    let mut problems = Problems::new();
    let manifest = Manifest::parse(std::path::Path::new("t.toml"), &text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    let container = started(plan, Events::default()).await;
    let refused = container.control().restart(&name, "Ada").await.unwrap_err();
    assert!(matches!(&refused, RestartError::MadeByProgram { .. }), "{refused}");
    assert!(container.readiness().is_ready());
    container.close().await.unwrap();
}
