//! A panic in the code of a restart itself, here of a listener of its events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wirework::Coded;
use wirework_container::{Event, Events, Listener};

use super::only;
use super::restarting::Service;

/// Panics when it is told of something, once.
struct Panics {
    at: &'static str,
    is_over: AtomicBool,
}

impl Listener for Panics {
    fn on(&self, event: &Event<'_>) {
        let told = match event {
            Event::Restarting { .. } => "restarting",
            Event::Closed { component, .. } if component.name() == "b" => "closed b",
            Event::Opening { component, .. } if component.name() == "b" => "opening b",
            Event::Opened { component, .. } if component.name() == "b" => "opened b",
            Event::Restarted { .. } => "restarted",
            _ => return,
        };
        // The start opens too.
        assert!(told != self.at || self.is_over.swap(true, Ordering::Relaxed), "out of water");
    }
}

/// A service with a listener that panics at its first restart.
async fn started(graph: &str, at: &'static str) -> Service {
    let panics = Arc::new(Panics { at, is_over: AtomicBool::new(true) });
    let events = Events::default().and(Arc::clone(&panics) as Arc<dyn Listener>);
    let service = Service::start_told(graph, &[], "open_concurrency = 1", events).await;
    panics.is_over.store(false, Ordering::Relaxed);
    service
}

#[tokio::test]
async fn a_panic_in_the_restart_itself_loses_no_component_and_the_close_tells_of_it() {
    for (at, states, begun) in [
        ("restarting", ["open", "open"], &["a", "b", "c"][..]),
        ("closed b", ["open", "failed"], &["a", "b", "c"]),
        ("opening b", ["open", "failed"], &["a", "c"]),
        ("opened b", ["open", "open"], &["a", "b", "c"]),
        ("restarted", ["open", "open"], &["a", "b", "c"]),
    ] {
        let service = started("a b>a c", at).await;
        let error = service.restart("a").await.unwrap_err();
        assert_eq!(
            (error.to_string(), error.code()),
            ("the restart of `t:probe:x:a:1.0` came to no end".to_owned(), "PANIC")
        );
        let found = ["a", "b"].map(|name| service.status(name));
        let is_so = found.iter().zip(states).all(|(found, state)| found.starts_with(state));
        assert!(is_so && service.status("c") == "open", "{at}: {found:?}");
        service.journal.forget();
        let failures = service.container.close().await.unwrap_err();
        assert!(
            format!("{failures:?}").contains("the restart of `t:probe:x:a:1.0` panicked: out of water"),
            "{at}: {failures:?}"
        );
        let closed = only("close", &service.journal.lines());
        assert!(begun.iter().all(|name| closed.contains(name)), "{at}: {closed}");
    }
}

#[tokio::test]
async fn what_a_panic_left_behind_is_mended_by_another_restart() {
    let service = started("a b>a", "opening b").await;
    service.restart("b").await.unwrap_err();
    assert!(service.status("b").contains("out of water"), "{}", service.status("b"));
    service.restart("b").await.unwrap();
    assert_eq!(service.status("b"), "open");
    // What happened stays to be told.
    service.container.close().await.unwrap_err();
}
