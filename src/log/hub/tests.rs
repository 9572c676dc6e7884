//! Routing, buffering, and faults of sinks, each in a hub of its own.

mod events;
mod levels;
mod observers;

use std::sync::Barrier;

use tracing::subscriber::with_default;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::log::layer::RouterLayer;
use crate::log::{Logger, Value};

/// Remembers what it got as `level message` lines.
struct Recorder {
    level: Level,
    lines: Mutex<Vec<String>>,
    also: Box<dyn Fn() + Send + Sync>,
}

impl Recorder {
    fn new(level: Level) -> Arc<Self> {
        Self::that(level, || {})
    }
    fn that(level: Level, also: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { level, lines: Mutex::default(), also: Box::new(also) })
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.lines))
    }
}

impl LogSink for Recorder {
    fn level(&self) -> Level {
        self.level
    }
    fn log(&self, record: &Record<'_>) {
        lock(&self.lines).push(format!("{} {}", record.level(), record.message()));
        (self.also)();
    }
    fn flush(&self) {
        lock(&self.lines).push("flushed".to_owned());
    }
}

/// A hub that a process would listen to alone, and its fallback.
fn hub() -> (Arc<Hub>, Arc<Recorder>) {
    let (hub, fallback) = (Arc::new(Hub::default()), Recorder::new(Level::Info));
    hub.listen_alone(fallback.clone());
    (hub, fallback)
}

fn scope(hub: &Arc<Hub>, name: &str) -> Arc<Scope> {
    Scope::in_registry(hub.clone(), format!("acme:part:test:{name}:1.0").parse().unwrap(), None)
}

#[test]
fn records_are_counted_by_level_whoever_takes_them() {
    let (hub, _) = hub();
    emit(&hub, None, Level::Warn, "one");
    emit(&hub, Some(&scope(&hub, "a")), Level::Warn, "two");
    emit(&hub, None, Level::Trace, "three");
    let levels = [Level::None, Level::Error, Level::Warn, Level::Trace];
    assert_eq!(levels.map(|level| hub.records(level)), [0, 0, 2, 1]);
}

fn emit(hub: &Hub, scope: Option<&Arc<Scope>>, level: Level, message: &str) {
    hub.emit(scope, level, "test", &EventData::message_only(message));
}

fn listening(hub: &Arc<Hub>, f: impl FnOnce()) {
    with_default(Registry::default().with(RouterLayer::new(hub.clone(), true)), f);
}

#[test]
fn scopes_and_sinks() {
    let (hub, fallback) = hub();
    let (first, second) = (Recorder::new(Level::Info), Recorder::new(Level::Debug));
    let (owner, other_owner) = (scope(&hub, "first"), scope(&hub, "second"));
    hub.add(&owner, first.clone());
    hub.add(&other_owner, second.clone());

    let bound = |sinks: &[&Arc<Recorder>]| {
        let scope = scope(&hub, "bound");
        scope.bind(sinks.iter().map(|sink| (*sink).clone() as Arc<dyn LogSink>).collect());
        scope
    };
    // Who speaks; whether the first sink gets it, whether the second, and the level that is wanted from there.
    let table = [
        ("outside", None, true, true, Level::Debug),
        ("unbound", Some(scope(&hub, "x")), true, true, Level::Debug),
        ("to the first", Some(bound(&[&first])), true, false, Level::Info),
        ("to the second", Some(bound(&[&second])), false, true, Level::Debug),
        ("to both", Some(bound(&[&first, &second])), true, true, Level::Debug),
        ("to none", Some(bound(&[])), false, false, Level::None),
        ("the first itself", Some(owner.clone()), false, true, Level::Debug),
        ("a logger of the first", Some(owner.child()), false, true, Level::Debug),
        ("the second itself", Some(other_owner.clone()), true, false, Level::Info),
    ];
    for (name, scope, to_first, to_second, level) in table {
        emit(&hub, scope.as_ref(), Level::Info, name);
        assert_eq!(!first.take().is_empty(), to_first, "{name}");
        assert_eq!(!second.take().is_empty(), to_second, "{name}");
        emit(&hub, scope.as_ref(), Level::Debug, name);
        assert!(first.take().is_empty(), "{name}: only up to its level");
        assert_eq!(!second.take().is_empty(), to_second, "{name}");
        assert_eq!(scope.map_or(hub.outside.now(), |scope| scope.level()), level, "{name}");
    }
    assert!(fallback.take().is_empty());
    assert_eq!(hub.max(), Level::Debug);
}

#[test]
fn binding_again_adds() {
    let (hub, _) = hub();
    let sinks = [(); 3].map(|()| Recorder::new(Level::Info));
    for sink in &sinks {
        hub.add(&scope(&hub, "sink"), sink.clone());
    }
    let speaker = scope(&hub, "speaker");
    speaker.bind(vec![sinks[0].clone()]);
    speaker.bind(vec![sinks[1].clone()]);
    emit(&hub, Some(&speaker), Level::Info, "x");
    assert_eq!(sinks.map(|sink| sink.take().len()), [1, 1, 0]);
}

#[test]
fn buffered_records_come_to_each_sink_once() {
    let (hub, fallback) = hub();
    hub.begin_buffering();
    let (first, second) = (Recorder::new(Level::Info), Recorder::new(Level::Trace));
    let to_second = scope(&hub, "to second");
    to_second.bind(vec![second.clone()]);
    assert_eq!((hub.max(), to_second.level()), (Level::Trace, Level::Trace), "a sink to come may want all");

    emit(&hub, None, Level::Info, "1");
    emit(&hub, Some(&to_second), Level::Trace, "2");
    hub.add(&scope(&hub, "first"), first.clone());
    emit(&hub, None, Level::Warn, "3");
    let own = scope(&hub, "second");
    emit(&hub, Some(&own), Level::Info, "4");
    hub.add(&own, second.clone());
    emit(&hub, Some(&to_second), Level::Info, "5");
    hub.end_buffering();
    emit(&hub, None, Level::Error, "6");

    assert_eq!(first.take(), ["info 1", "warn 3", "info 4", "error 6"]);
    assert_eq!(second.take(), ["info 1", "trace 2", "warn 3", "info 5", "error 6"]);
    assert!(fallback.take().is_empty());
    let late = Recorder::new(Level::Trace);
    hub.add(&scope(&hub, "late"), late.clone());
    assert!(late.take().is_empty(), "nothing is buffered after the end");
}

#[test]
fn too_many_buffered_records_are_counted() {
    let (hub, _) = hub();
    hub.begin_buffering();
    for number in 0..CAPACITY + 2 {
        emit(&hub, None, Level::Info, &number.to_string());
    }
    let sink = Recorder::new(Level::Info);
    hub.add(&scope(&hub, "sink"), sink.clone());
    hub.end_buffering();
    let lines = sink.take();
    assert_eq!(lines.len(), CAPACITY + 1);
    assert_eq!(
        lines[0],
        "warn 2 records from before any logger was open are lost; only the last 10000 are kept"
    );
    assert_eq!((lines[1].as_str(), lines[CAPACITY].as_str()), ("info 2", "info 10001"));
}

#[test]
fn a_start_that_fails_before_any_sink_goes_to_the_fallback() {
    let (hub, fallback) = hub();
    hub.begin_buffering();
    hub.begin_buffering();
    let silent = scope(&hub, "silent");
    silent.bind(vec![]);
    emit(&hub, Some(&scope(&hub, "x")), Level::Fatal, "failed");
    emit(&hub, None, Level::Debug, "detail");
    emit(&hub, Some(&silent), Level::Error, "nobody wants that");
    hub.end_buffering();
    assert!(fallback.take().is_empty(), "another container still buffers");
    hub.end_buffering();
    assert_eq!(fallback.take(), ["fatal failed"]);
    assert_eq!(hub.max(), Level::Info);
}

#[test]
fn after_the_last_sink_the_fallback() {
    let (hub, fallback) = hub();
    let (first, second) = (Recorder::new(Level::Error), Recorder::new(Level::Trace));
    let [owner, bound] = ["owner", "bound"].map(|name| scope(&hub, name));
    bound.bind(vec![first.clone()]);
    let (first_id, second_id) =
        (hub.add(&owner, first.clone()), hub.add(&scope(&hub, "second"), second.clone()));
    assert!(hub.remove(first_id));
    assert!(!hub.remove(first_id));
    assert_eq!(first.take(), ["flushed"]);
    emit(&hub, Some(&bound), Level::Info, "the sinks it is bound to are gone");
    emit(&hub, None, Level::Info, "there is still one");
    assert!(hub.remove(second_id));
    emit(&hub, None, Level::Info, "there is none");
    emit(&hub, Some(&owner), Level::Debug, "too small for the fallback");
    assert_eq!(fallback.take(), ["info the sinks it is bound to are gone", "info there is none"]);
    assert_eq!(second.take(), ["info there is still one", "flushed"]);
}

#[test]
fn of_its_only_sink_itself_the_fallback_takes_what_is_amiss() {
    let (hub, fallback) = hub();
    let (sink, owner) = (Recorder::new(Level::Trace), scope(&hub, "owner"));
    hub.add(&owner, sink.clone());
    assert_eq!(owner.level(), Level::Warn);
    emit(&hub, Some(&owner), Level::Info, "opened");
    emit(&hub, Some(&owner), Level::Warn, "disk full");
    assert_eq!((fallback.take(), sink.take()), (vec!["warn disk full".to_owned()], vec![]));
}

#[test]
fn sinks_that_log_do_not_call_each_other_for_ever() {
    let (hub, _) = hub();
    let own = |hub: &Arc<Hub>| {
        let hub = hub.clone();
        move || emit(&hub, current::get().as_ref(), Level::Info, "written a line")
    };
    let (first, second) = (Recorder::that(Level::Info, own(&hub)), Recorder::that(Level::Info, own(&hub)));
    hub.add(&scope(&hub, "first"), first.clone());
    hub.add(&scope(&hub, "second"), second.clone());
    emit(&hub, None, Level::Info, "x");
    assert_eq!(first.take(), ["info x", "info written a line"]);
    assert_eq!(second.take(), ["info written a line", "info x"]);
}

#[test]
fn sinks_that_log_while_records_are_buffered_do_not_either() {
    let (hub, _) = hub();
    hub.begin_buffering();
    emit(&hub, None, Level::Info, "x");
    let own = |hub: &Arc<Hub>, name: &'static str| {
        let hub = hub.clone();
        move || emit(&hub, current::get().as_ref(), Level::Info, name)
    };
    let sinks = ["a", "b", "c"].map(|name| Recorder::that(Level::Info, own(&hub, name)));
    for (sink, name) in sinks.iter().zip(["a", "b", "c"]) {
        hub.add(&scope(&hub, name), sink.clone());
    }
    hub.end_buffering();
    for sink in sinks {
        let lines = sink.take();
        assert_eq!(lines.iter().filter(|line| *line == "info x").count(), 1);
        assert!(lines.len() < 20, "{lines:?}");
    }
}

#[test]
fn a_sink_that_panics_is_left_out() {
    let (hub, fallback) = hub();
    let sink = Recorder::that(Level::Info, || panic!("on purpose"));
    hub.add(&scope(&hub, "bad"), sink.clone());
    emit(&hub, None, Level::Info, "1");
    emit(&hub, None, Level::Info, "2");
    assert_eq!(sink.take(), ["info 1"]);
    let expected =
        ["error logger `acme:part:test:bad:1.0` panicked and gets no more records", "info 1", "info 2"];
    assert_eq!(fallback.take(), expected);
}

#[test]
fn no_record_is_lost_or_doubled_while_sinks_come() {
    let (hub, _) = hub();
    hub.begin_buffering();
    let sink = Recorder::new(Level::Info);
    let start = Barrier::new(3);
    std::thread::scope(|threads| {
        for thread in 0..2 {
            let (hub, start) = (&hub, &start);
            threads.spawn(move || {
                start.wait();
                for number in 0..2000 {
                    emit(hub, None, Level::Info, &format!("{thread} {number}"));
                }
            });
        }
        start.wait();
        hub.add(&scope(&hub, "sink"), sink.clone());
        hub.end_buffering();
    });
    let mut lines = sink.take();
    assert_eq!(lines.len(), 4000);
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 4000);
}

#[test]
fn scopes_leave_nothing_behind() {
    let (hub, _) = hub();
    let gone = scope(&hub, "gone");
    drop((gone.child(), gone));
    assert!(lock(&hub.scopes).is_empty());
}

#[test]
fn a_level_that_changed_is_seen_after_a_refresh() {
    struct Dial(AtomicU8);
    impl LogSink for Dial {
        fn level(&self) -> Level {
            load(&self.0)
        }
        fn log(&self, record: &Record<'_>) {
            assert_eq!(record.field("none"), None::<Value<'_>>);
        }
    }
    let (hub, _) = hub();
    let dial = Arc::new(Dial(AtomicU8::new(Level::Info as u8)));
    hub.add(&scope(&hub, "dial"), dial.clone());
    let speaker = scope(&hub, "speaker");
    dial.0.store(Level::Trace as u8, Ordering::Relaxed);
    assert_eq!(speaker.level(), Level::Info);
    hub.relevel();
    assert_eq!((speaker.level(), hub.max()), (Level::Trace, Level::Trace));
}
