//! For the tests of this crate: records what a logger writes, apart from all other tests.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::with_default;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::hub::Hub;
use super::layer::RouterLayer;
use super::{Level, LogSink, Logger, Record, Scope};

/// A hub of its own with one sink.
pub(crate) struct Listener {
    hub: Arc<Hub>,
    sink: Arc<Lines>,
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn level(&self) -> Level {
        Level::Trace
    }
    fn log(&self, record: &Record<'_>) {
        let trace_id = record.trace_id().map(|id| format!(" [{id}]")).unwrap_or_default();
        let line = format!("{}{trace_id} {}", record.level(), record.message());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl Listener {
    pub(crate) fn new() -> Self {
        let (hub, sink) = (Arc::new(Hub::default()), Arc::new(Lines::default()));
        let owner = Scope::in_registry(hub.clone(), "test:logger:lines:default:1.0".parse().unwrap(), None);
        hub.add(&owner, sink.clone());
        Self { hub, sink }
    }

    /// A logger whose records it gets.
    pub(crate) fn logger(&self) -> Logger {
        let descriptor = "test:speaker:any:default:1.0".parse().unwrap();
        Logger::in_scope(Scope::in_registry(self.hub.clone(), descriptor, None))
    }

    /// Listens to what `f` logs on this thread.
    pub(crate) fn during<R>(&self, f: impl FnOnce() -> R) -> R {
        with_default(Registry::default().with(RouterLayer::new(self.hub.clone(), false)), f)
    }

    /// Listens on this thread until the guard is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(RouterLayer::new(self.hub.clone(), false)))
    }

    /// What it has got since the last call, as `level [trace id] message`.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.sink.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
