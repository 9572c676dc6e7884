//! The router of all log records of a process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::dispatcher;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::hub::Hub;
use super::layer::RouterLayer;
use super::observer::LogObserver;
use super::scope::Scope;
use super::sink::{LogSink, SinkId};
use crate::error::{Category, Coded};

/// Why the router could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The process has a global `tracing` subscriber without the router.
    #[error(
        "this process has a global tracing subscriber already; add `Router::process().layer()` to it where it is made"
    )]
    Occupied,
}

impl Coded for InstallError {
    fn category(&self) -> Category {
        Category::InvalidState
    }
    fn code(&self) -> &'static str {
        "SUBSCRIBER_EXISTS"
    }
}

/// Handle to the router of log records: one a process, shared by all containers in it.
///
/// A host calls [`Router::install`]. An embedder with a `tracing` subscriber of its own adds [`Router::layer`]:
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
/// use wirework::log::Router;
/// let subscriber = tracing_subscriber::Registry::default().with(Router::process().layer());
/// tracing::subscriber::with_default(subscriber, || tracing::info!("both get this"));
/// ```
///
/// Which sink gets a record: those that the [`Scope`] it was written in is bound to; all, where it is not bound or
/// there is no scope; never the sink in whose own scope it was written. What no sink can take goes through the
/// [`Console`](super::Console) to stderr from `info` on, in an installed router. Of what a sink logs itself, only `warn` and
/// worse goes there.
#[derive(Clone)]
pub struct Router(Arc<Hub>);

impl Router {
    /// The router of this process, installed or not.
    #[must_use]
    pub fn process() -> Self {
        Self(Hub::process().clone())
    }

    /// Makes the router the global `tracing` subscriber of the process, if it is not that already.
    ///
    /// # Errors
    /// [`InstallError::Occupied`] where another subscriber is global and the router is not a layer of it.
    pub fn install() -> Result<Self, InstallError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let hub = Hub::process();
        let installed = hub.is_only() || dispatcher::get_default(|subscriber| subscriber.is::<RouterLayer>());
        if !installed {
            let layer = RouterLayer::new(hub.clone(), true);
            tracing::subscriber::set_global_default(Registry::default().with(layer))
                .map_err(|_| InstallError::Occupied)?;
            hub.listen_alone(super::sinks::fallback());
        }
        Ok(Self::process())
    }

    /// A layer for a subscriber that has other layers too. It switches nothing off for them, so filters are theirs to
    /// set, and what no sink takes is theirs to show: nothing goes to stderr.
    #[must_use]
    pub fn layer(&self) -> RouterLayer {
        RouterLayer::new(self.0.clone(), false)
    }

    /// Starts to buffer records, at most 10,000, for sinks that are not open yet.
    #[must_use = "records are buffered as long as this is"]
    pub fn buffer(&self) -> BufferGuard {
        self.0.begin_buffering();
        BufferGuard(self.0.clone())
    }

    /// Adds the sink that the component `owner` offers. It gets the buffered records that are routed to it before the call
    /// returns, and all to come. Add it as the same `Arc` that scopes are bound to.
    pub fn add(&self, owner: &Arc<Scope>, sink: Arc<dyn LogSink>) -> SinkId {
        self.0.add(owner, sink)
    }

    /// Takes a sink out and flushes it; false where it was not there.
    pub fn remove(&self, id: SinkId) -> bool {
        self.0.remove(id)
    }

    /// Shows an observer the records that somebody takes, from now on and for as long as the observation is held.
    #[must_use = "it sees records as long as this is"]
    pub fn observe(&self, observer: Arc<dyn LogObserver>) -> Observation {
        Observation { id: self.0.observers().add(observer), hub: self.0.clone() }
    }

    /// Limits a library that logs too much: of the events whose target begins with `target`, only those at least as important as `level`
    /// are looked at, in the whole process, and their texts are cut at 256 bytes each. For a component that runs a library
    /// which logs more than operators want.
    pub fn limit_target(target: &'static str, level: super::Level) {
        super::target_limits::set(target, level);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Has every sink open its log file anew, and says how many have one: call it when something has moved them away, as SIGUSR1 tells
    /// a service. It waits for disks, so not on a thread of the runtime.
    pub fn reopen(&self) -> usize {
        self.0.reopen()
    }

    /// Asks every sink for its level again; call it when one has changed, or a [`LevelSetting`](super::LevelSetting).
    pub fn refresh(&self) {
        self.0.relevel();
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("level", &self.0.max()).finish_non_exhaustive()
    }
}

/// Has records buffered until it is released or dropped. What has reached no sink by then goes to stderr.
pub struct BufferGuard(Arc<Hub>);

impl BufferGuard {
    /// Ends buffering: all sinks are open, or there will be none. The same as dropping it.
    pub fn release(self) {}
}

impl Drop for BufferGuard {
    fn drop(&mut self) {
        self.0.end_buffering();
    }
}

impl fmt::Debug for BufferGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BufferGuard")
    }
}

/// Has an observer see records until it is dropped.
pub struct Observation {
    hub: Arc<Hub>,
    id: SinkId,
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.hub.observers().remove(self.id);
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observation")
    }
}
