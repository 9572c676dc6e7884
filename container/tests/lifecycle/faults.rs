//! Faults at every place, and those that are easily lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use wirework::component::{Component, ComponentFactory, Context, InstanceFactory, NoConfig, Offer, Status};
use wirework::config::Problems;
use wirework::count::{Cell, CounterSink, Counters};
use wirework::log::{Level, LogSink, NullLogger, Record, Router, Scope};
use wirework::{Category, Descriptor, Error, offers, references};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

use crate::probe::{Journal, registry};
use crate::{manifest, only, plan, run, texts};

/// Every way to fail, at every place of the chain `a`, `b>a`, `c>b`, `d>c`.
#[tokio::test(start_paused = true)]
async fn at_every_place_exactly_what_had_opened_is_closed() {
    let chain = ["a", "b", "c", "d"];
    for (at, name) in chain.iter().enumerate() {
        for how in ["error", "panic", "hang"] {
            for phase in ["create", "open", "close"] {
                if (phase, how) == ("create", "hang") {
                    continue; // Takes real time; it has a test of its own.
                }
                let fault = format!("fail = \"{phase}\"\nhow = \"{how}\"");
                let run = run(&manifest("a b>a c>b d>c", &[(name, &fault)], "")).await;
                let opened = match phase {
                    "create" => &[][..],
                    "open" => &chain[..=at],
                    _ => &chain[..],
                };
                let closed: Vec<_> = opened.iter().rev().copied().collect();
                assert_eq!(only("open", &run.journal), opened.join(" "), "{name} {fault}");
                assert_eq!(only("close", &run.journal), closed.join(" "), "{name} {fault}");
                assert_eq!(run.failures.len(), 1, "{name} {fault}: {:?}", run.failures);
                let said = format!("cannot {phase} `t:probe:x:{name}:1.0`");
                assert!(run.failures[0].starts_with(&said), "{:?}", run.failures);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_critical_may_fail_in_every_way_before_it_is_open() {
    for phase in ["create", "open"] {
        for how in ["error", "panic"] {
            let fault = format!("fail = \"{phase}\"\nhow = \"{how}\"\ncritical = false");
            let with = [("b", &*fault), ("c", "critical = false")];
            let run = run(&manifest("a b>a c!b d>a", &with, "open_concurrency = 1")).await;
            let (opened, closed) = if phase == "open" { ("a b d", "d b a") } else { ("a d", "d a") };
            assert_eq!(run.failures, Vec::<String>::new(), "{fault}");
            assert_eq!(only("open", &run.journal), opened, "{fault}");
            assert_eq!(only("close", &run.journal), closed, "{fault}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_fail_at_one_time_are_all_reported() {
    let fail = "fail = \"open\"";
    let run = run(&manifest("a b c", &[("a", fail), ("b", fail)], "")).await;
    assert_eq!(
        run.failures,
        ["cannot open `t:probe:x:a:1.0`: no answer", "cannot open `t:probe:x:b:1.0`: no answer"]
    );
    assert_eq!(only("close", &run.journal), "c b a");
}

#[tokio::test(start_paused = true)]
async fn more_that_hang_than_may_open_at_once_are_rolled_back() {
    let names: Vec<_> = (0..70).map(|n| format!("n{n}")).collect();
    let with: Vec<_> = names.iter().map(|name| (&**name, "fail = \"open\"\nhow = \"hang\"")).collect();
    let run = run(&manifest(&names.join(" "), &with, "")).await;
    assert_eq!(only("open", &run.journal).split(' ').count(), 64);
    assert_eq!(only("close", &run.journal).split(' ').count(), 64);
    assert!(run.failures[0].ends_with("its `open` did not end within 60 s"), "{:?}", run.failures);
}

async fn ready(text: &str, journal: &Journal) -> Container {
    let plan = plan(text, journal).unwrap_or_else(|problems| panic!("{problems:?}"));
    match Container::start(plan, None, Handle::current(), std::future::pending()).await {
        Ok(Started::Ready(container)) => container,
        Ok(Started::Stopped(_)) => panic!("nobody asked"),
        Err(failures) => panic!("{:?}", texts(&failures)),
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_task_fails_while_it_opens_does_not_become_open() {
    let with = [("b", "then = \"task\"\nopens_in = 1000\ncritical = false"), ("c", "critical = false")];
    let container = ready(&manifest("a b c!b", &with, ""), &Journal::default()).await;
    let states: Vec<_> = container.statuses().iter().map(|(_, status)| status.to_string()).collect();
    assert_eq!(
        states,
        [
            "open",
            "failed: task `wear` failed: worn out",
            "failed: it requires `t:probe:x:b:1.0`, which failed"
        ]
    );
    container.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_asked_for_in_close_is_reported() {
    let container = ready(&manifest("a b", &[("b", "then = \"stoplate\"")], ""), &Journal::default()).await;
    let failures = container.close().await.unwrap_err();
    assert_eq!(texts(&failures), ["cannot run `t:probe:x:b:1.0`: worn out"]);
}

#[tokio::test]
async fn a_start_can_be_given_up_while_components_are_created() {
    let journal = Journal::default();
    let hang = [("b", "fail = \"create\"\nhow = \"hang\"")];
    let plan = plan(&manifest("a b>a c>b", &hang, ""), &journal).unwrap_or_else(|found| panic!("{found:?}"));
    let started = Container::start(plan, None, Handle::current(), journal.noted("create b")).await;
    assert!(matches!(started, Ok(Started::Stopped(None))));
    assert_eq!(journal.lines(), ["create a", "create b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_those_that_had_no_time_to_close_end_too() {
    let journal = Journal::default();
    let block = "fail = \"close\"\nhow = \"block\"";
    let with = [("a", "then = \"endless\""), ("b", block), ("c", block)];
    let container = ready(&manifest("a b>a c>b", &with, "timeout = \"1s\""), &journal).await;
    let failures = container.close().await.unwrap_err();
    assert!(texts(&failures)[2].contains("was over before its turn came"), "{:?}", texts(&failures));
    assert_eq!(only("ended", &journal.lines()), "a");
}

#[tokio::test]
async fn tasks_of_a_container_that_is_dropped_without_a_close_are_aborted() {
    let journal = Journal::default();
    let container = ready(&manifest("a b", &[("a", "then = \"endless\"")], ""), &journal).await;
    drop(container);
    journal.noted("ended a").await;
    assert_eq!(only("close", &journal.lines()), "");
}

struct Broken;

impl LogSink for Broken {
    fn level(&self) -> Level {
        Level::Trace
    }
    fn log(&self, _: &Record<'_>) {}
}

impl CounterSink for Broken {
    fn register(&self, _: Arc<Cell>) {
        panic!("no room");
    }
}

impl Component for Broken {
    const DESCRIPTOR: &'static str = "t:counters:broken:*:1.0";
    const SUMMARY: &'static str = "Fails.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink, dyn LogSink];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        Err(Error::new(Category::NoResponse, "TEST", "no answer"))
    }
}

references! {
    /// Counters.
    struct CountingReferences {
        /// Where it counts.
        counters: Counters = "t:counters:*:*:1.0",
    }
}

struct Counting;

impl Component for Counting {
    const DESCRIPTOR: &'static str = "t:counting:x:*:1.0";
    const SUMMARY: &'static str = "Counts.";
    type Config = NoConfig;
    type References = CountingReferences;
    fn create(_: &Descriptor, _: NoConfig, references: CountingReferences) -> Result<Self, Error> {
        references.counters.increment("made").one();
        Ok(Self)
    }
}

fn with_broken(text: &str) -> Plan {
    let mut registry = registry(&Journal::default());
    let descriptor: Descriptor = "t:counters:broken:b:1.0".parse().unwrap();
    registry.add(InstanceFactory::new(descriptor, Arc::new(Broken))).unwrap();
    registry.add(ComponentFactory::<Counting>::NEW).unwrap();
    let mut problems = Problems::new();
    let manifest = Manifest::parse("test.toml".as_ref(), text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    plan
}

#[tokio::test]
async fn a_panic_while_late_references_are_bound_names_who_asked() {
    let text = "[service]\nname = 't'\n[[component]]\ndescriptor = 't:counting:x:c:1.0'\n\
                [[component]]\ndescriptor = 't:counters:broken:b:1.0'\ncritical = false\n\
                [[component]]\ndescriptor = 't:probe:x:last:1.0'\n";
    let started = Container::start(with_broken(text), None, Handle::current(), std::future::pending()).await;
    let failures = started.expect_err("a failure");
    assert_eq!(
        texts(&failures),
        ["cannot create `t:counting:x:c:1.0`: binding its late references panicked: no room"]
    );
}

/// The router is one for the process, and so is what it keeps: one test at a time.
static ROUTER: Mutex<()> = Mutex::const_new(());

/// The router of the process, with a logger that drops what all the tests of this process log.
fn silent_router() -> Router {
    let router = Router::process();
    router.add(&Scope::new("t:logger:null:n:1.0".parse().unwrap()), Arc::new(NullLogger));
    Router::install().unwrap()
}

/// Counters whose `open` looks whether records are kept.
#[derive(Default)]
struct Looking(AtomicBool);

impl CounterSink for Looking {
    fn register(&self, _: Arc<Cell>) {}
}

impl Component for Looking {
    const DESCRIPTOR: &'static str = "t:counters:looking:*:1.0";
    const SUMMARY: &'static str = "Looks.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::default())
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        self.0.store(tracing::enabled!(tracing::Level::TRACE), Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn records_are_not_kept_for_a_sink_of_counters() {
    let _one = ROUTER.lock().await;
    let router = silent_router();
    let mut registry = registry(&Journal::default());
    registry.add(ComponentFactory::<Looking>::NEW).unwrap();
    let text = "[service]\nname = 't'\n[[component]]\ndescriptor = 't:counters:looking:l:1.0'\n";
    let mut problems = Problems::new();
    let manifest = Manifest::parse("test.toml".as_ref(), text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    let started = Container::start(plan, Some(router), Handle::current(), std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("it cannot fail") };
    let looking = container.get::<Looking>(&"t:counters:looking:l:1.0".parse().unwrap()).unwrap();
    assert!(!looking.0.load(Ordering::Relaxed), "while records are kept all are wanted");
    container.close().await.unwrap();
}

#[tokio::test]
async fn records_are_not_kept_for_a_sink_that_failed() {
    let _one = ROUTER.lock().await;
    let router = silent_router();
    let text =
        "[service]\nname = 't'\n[[component]]\ndescriptor = 't:counters:broken:b:1.0'\ncritical = false\n";
    let started =
        Container::start(with_broken(text), Some(router), Handle::current(), std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("it is not critical") };
    assert!(matches!(container.statuses()[0].1, Status::Failed(_)));
    assert!(!tracing::enabled!(tracing::Level::TRACE), "while records are kept all are wanted");
    let closed = tokio::time::timeout(Duration::from_secs(5), container.close()).await;
    closed.unwrap().unwrap();
}

#[test]
fn a_critical_component_that_requires_an_uncritical_one_is_a_warning_also_where_it_matches_itself() {
    let text = manifest("a b!*", &[("a", "critical = false")], "");
    let mut problems = Problems::new();
    let manifest = Manifest::parse("test.toml".as_ref(), &text, &Parameters::new(), &mut problems);
    let _plan = Plan::new(manifest, &registry(&Journal::default()), &mut problems);
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["CRITICAL_NEEDS_UNCRITICAL"]);
}
