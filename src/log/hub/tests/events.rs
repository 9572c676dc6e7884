//! What comes by `tracing`, of ours and of libraries.

use super::*;
use crate::log::target_limits;

#[test]
fn events_know_their_component() {
    let (hub, _) = hub();
    struct Lines(Mutex<Vec<String>>);
    impl LogSink for Lines {
        fn level(&self) -> Level {
            Level::Debug
        }
        fn log(&self, record: &Record<'_>) {
            let fields: Vec<_> = record.fields().map(|(name, value)| format!("{name}={value}")).collect();
            let from = record.component().map_or("outside", |component| component.name());
            let trace_id = record.trace_id().unwrap_or("-");
            let (level, message) = (record.level(), record.message());
            lock(&self.0).push(format!("{level} {from} {trace_id} {message} {}", fields.join(" ")));
        }
    }
    let sink = Arc::new(Lines(Mutex::default()));
    hub.add(&scope(&hub, "sink"), sink.clone());
    let (a, b) = (scope(&hub, "a"), scope(&hub, "b"));
    listening(&hub, || {
        tracing::info!("not in any");
        a.span().in_scope(|| {
            tracing::debug!(n = 3, ok = true, name = "k", ratio = 0.5, big = u128::MAX, "in its span");
            b.span().in_scope(|| tracing::warn!(trace_id = %"t1", "within"));
            Logger::in_scope(b.clone()).with_trace_id("t2").info(format_args!("{} is it", "b"));
            tracing::info!(parent: b.span(), "by its parent");
            tracing::info_span!("of a library").in_scope(|| tracing::info!("in a library"));
            tracing::trace!("not wanted");
        });
        let cause = std::io::Error::other("refused");
        let error = crate::Error::new(crate::Category::NoResponse, "X", "link is down").with_source(cause);
        Logger::in_scope(a.clone()).fatal(Some(&error), format_args!("gone"));
        tracing::error!(fatal = false, error = &error as &dyn std::error::Error, "not fatal");
    });
    let expected = [
        "info outside - not in any ",
        "debug a - in its span n=3 ok=true name=k ratio=0.5 big=340282366920938463463374607431768211455",
        "warn b t1 within ",
        "info b t2 b is it ",
        "info b - by its parent ",
        "info a - in a library ",
        "fatal a - gone error=link is down: refused",
        "error outside - not fatal fatal=false error=link is down: refused",
    ];
    assert_eq!(*lock(&sink.0), expected);
}

#[test]
fn nothing_is_formatted_that_nobody_wants() {
    struct Loud;
    impl std::fmt::Display for Loud {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("this line was not wanted")
        }
    }
    let (hub, _) = hub();
    let (sink, quiet) = (Recorder::new(Level::Debug), Recorder::new(Level::Warn));
    hub.add(&scope(&hub, "sink"), sink.clone());
    hub.add(&scope(&hub, "quiet"), quiet.clone());
    let [other, speaker] = ["other", "speaker"].map(|name| scope(&hub, name));
    speaker.bind(vec![quiet.clone()]);
    listening(&hub, || {
        let logger = Logger::in_scope(speaker.clone());
        assert!(logger.enabled(Level::Warn) && !logger.enabled(Level::Info) && !logger.enabled(Level::None));
        logger.info(format_args!("{Loud}"));
        speaker.span().in_scope(|| tracing::debug!("{Loud}"));
        other.span().in_scope(|| tracing::debug!("wanted"));
        tracing::trace!("{Loud}");
    });
    assert_eq!(sink.take(), ["debug wanted"]);
}

#[test]
fn beside_another_subscriber_the_router_switches_nothing_off() {
    let hub = Arc::new(Hub::default());
    let sink = Recorder::new(Level::Warn);
    hub.add(&scope(&hub, "sink"), sink.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    struct Other(Arc<Mutex<Vec<String>>>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Other {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            lock(&self.0).push(event.metadata().level().to_string());
        }
    }
    let speaker = scope(&hub, "speaker");
    let subscriber = Registry::default().with(RouterLayer::new(hub.clone(), false)).with(Other(seen.clone()));
    with_default(subscriber, || {
        let logger = Logger::in_scope(speaker.clone());
        assert!(logger.enabled(Level::Trace));
        logger.trace(format_args!("1"));
        logger.warn(format_args!("2"));
        Logger::standalone().error(None, format_args!("3"));
    });
    assert_eq!(*lock(&seen), ["TRACE", "WARN", "ERROR"]);
    assert_eq!(sink.take(), ["warn 2", "error 3"]);
}

#[test]
fn what_a_limited_library_says_is_cut() {
    const FOREIGN: &str = "a_library_of_a_broker";
    let (hub, _) = hub();
    let sink = Recorder::new(Level::Info);
    hub.add(&scope(&hub, "sink"), sink.clone());
    target_limits::set(FOREIGN, Level::Warn);
    listening(&hub, || {
        tracing::warn!(target: FOREIGN, "refused: {}\u{1b}", "x".repeat(60_000));
        tracing::warn!(target: "ours", "{}", "x".repeat(1000));
    });
    let [foreign, ours] = sink.take().try_into().unwrap();
    assert_eq!(foreign, format!("warn refused: {}… (60010 bytes)", "x".repeat(247)));
    assert_eq!(ours.len(), 1005);
}
