//! The installed router, in a process of its own: what only a global subscriber shows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use wirework::log::{Level, LogSink, Logger, Record, Router, Scope};

/// Remembers component and message, and says itself that it did.
struct Recorder {
    name: &'static str,
    lines: Mutex<Vec<String>>,
}

impl LogSink for Recorder {
    fn level(&self) -> Level {
        Level::Info
    }
    fn log(&self, record: &Record<'_>) {
        let from = record.component().map_or("outside", |component| component.name());
        self.lines.lock().unwrap().push(format!("{from}: {}", record.message()));
        tracing::info!("{} wrote", self.name);
    }
}

fn scope(name: &str) -> Arc<Scope> {
    Scope::new(format!("acme:part:any:{name}:1.0").parse().unwrap())
}

#[tokio::test]
async fn the_installed_router_hears_the_whole_process() {
    let router = Router::install().unwrap();
    Router::install().expect("a second time is fine");

    let buffering = router.buffer();
    let speaker = scope("speaker");
    tracing::info!("early");
    let sinks = ["first", "second"].map(|name| Arc::new(Recorder { name, lines: Mutex::default() }));
    let ids = sinks.each_ref().map(|sink| router.add(&scope(sink.name), sink.clone()));
    buffering.release();
    let take = || sinks.each_ref().map(|sink| std::mem::take(&mut *sink.lines.lock().unwrap()));
    take();

    // What a sink says goes to the other one, once, and to itself never.
    let logger = Logger::in_scope(speaker.clone());
    logger.info(format_args!("hello"));
    assert_eq!(
        take(),
        [["speaker: hello", "second: second wrote"], ["first: first wrote", "speaker: hello"]].map(Vec::from)
    );

    // Tasks on other threads carry the component by its span.
    speaker.bind(vec![sinks[1].clone()]);
    let task = async {
        tokio::task::yield_now().await;
        tracing::warn!("from a task");
        tracing::debug!("not wanted");
    };
    tokio::spawn(tracing::Instrument::instrument(task, speaker.span().clone())).await.unwrap();
    std::thread::spawn(move || logger.info(format_args!("from a thread"))).join().unwrap();
    let [_, second] = take();
    let spoken: Vec<_> = second.iter().filter(|line| line.starts_with("speaker")).collect();
    assert_eq!(spoken, ["speaker: from a task", "speaker: from a thread"]);

    for id in ids {
        assert!(router.remove(id));
    }
}
