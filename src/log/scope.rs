//! The identity of a component in logging: its descriptor, its span, and where its records go.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use tracing::Span;

use super::level::Level;
use super::level_setting::{Admission, LevelSetting};
use super::sink::LogSink;
use crate::bound;
use crate::descriptor::Descriptor;

/// Target and name of the spans that carry a scope; the router knows them by these.
pub(super) const SPAN_TARGET: &str = "wirework::scope";

/// What knows all scopes, and decides up to which level anybody wants records of each.
pub(super) trait ScopeRegistry: Send + Sync {
    fn add_scope(&self, scope: &Arc<Scope>);

    fn remove_scope(&self, id: u64);

    /// The sinks of a scope have changed.
    fn route_changed(&self, scope: &Scope);

    /// Whether the process listens to this registry and to no other subscriber.
    fn only(&self) -> Arc<AtomicBool>;
}

/// What a component is to the [`Router`](super::Router): who logs, and to which sinks.
///
/// The container makes one for each component and runs the component's calls and tasks in its [`span`](Self::span),
/// so that every event, also one of a library, is known to come from there.
///
/// ```
/// use wirework::log::Scope;
/// let scope = Scope::new("acme:sensor:simulated:default:1.0".parse()?);
/// scope.span().in_scope(|| tracing::info!(celsius = 21.5, "reading"));
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct Scope {
    id: u64,
    /// The component's own scope, where this is that of one of its loggers.
    parent: Option<Arc<Scope>>,
    descriptor: Descriptor,
    registry: Arc<dyn ScopeRegistry>,
    /// That of the registry, which is asked before each record.
    only: Arc<AtomicBool>,
    /// Up to which level anybody wants records from here; set by the registry, read before each record.
    levels: LevelSetting,
    /// The sinks it is routed to, none: all. Weak, because sinks may log to one another.
    bound: RwLock<Option<Vec<Weak<dyn LogSink>>>>,
    span: OnceLock<Span>,
}

impl Scope {
    /// A scope of the same component with a routing of its own: what a [`Logger`](super::Logger) reference has.
    #[must_use]
    pub fn child(self: &Arc<Self>) -> Arc<Self> {
        let parent = self.parent.as_ref().unwrap_or(self).clone();
        Self::in_registry(Arc::clone(&self.registry), self.descriptor.clone(), Some(parent))
    }

    pub(super) fn in_registry(
        registry: Arc<dyn ScopeRegistry>,
        descriptor: Descriptor,
        parent: Option<Arc<Self>>,
    ) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let scope = Arc::new(Self {
            id,
            parent,
            descriptor,
            only: registry.only(),
            registry,
            levels: LevelSetting::new(Level::Trace),
            bound: RwLock::new(None),
            span: OnceLock::new(),
        });
        scope.registry.add_scope(&scope);
        scope
    }

    /// The component's descriptor.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The component's span. It is made at the first call, for the subscriber of that moment: install the
    /// [`Router`](super::Router) before.
    #[must_use]
    pub fn span(&self) -> &Span {
        match &self.parent {
            Some(parent) => parent.span(),
            None => self.span.get_or_init(|| {
                tracing::error_span!(target: SPAN_TARGET, parent: None, "component",
                    component = %self.descriptor, scope = self.id)
            }),
        }
    }

    /// Routes its records to these sinks and no others; further calls add sinks that are not among them yet. Bound to an empty list, it
    /// is silent.
    pub fn bind(&self, sinks: Vec<Arc<dyn LogSink>>) {
        let mut routed = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        bound::bind(routed.get_or_insert_default(), sinks);
        drop(routed);
        self.registry.route_changed(self);
    }

    /// The level of the component: of its loggers, and of what it says by `tracing` macros.
    #[must_use]
    pub fn level_setting(&self) -> &LevelSetting {
        self.parent.as_ref().map_or(&self.levels, |component| &component.levels)
    }

    /// Whether somebody wants records of this level from here.
    #[must_use]
    pub fn enabled(&self, level: Level) -> bool {
        level != Level::None && (level <= self.level() || !self.is_only())
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the process listens to the router and to no other subscriber.
    pub(super) fn is_only(&self) -> bool {
        self.only.load(Ordering::Relaxed)
    }

    pub(super) fn level(&self) -> Level {
        self.levels.now()
    }

    /// Its own levels, where it is that of a logger not those of the component.
    pub(super) fn own_levels(&self) -> &LevelSetting {
        &self.levels
    }

    /// Up to which level its records go to a sink.
    pub(super) fn admission(&self) -> Admission {
        self.level_setting().admission()
    }

    pub(super) fn is_same_component(&self, other: &Self) -> bool {
        let root = |scope: &Self| scope.parent.as_ref().map_or(scope.id, |parent| parent.id);
        root(self) == root(other)
    }

    /// Whether it is routed to `sink`.
    pub(super) fn reaches(&self, sink: &Arc<dyn LogSink>) -> bool {
        let bound = self.bound.read().unwrap_or_else(PoisonError::into_inner);
        let address = Arc::as_ptr(sink).cast::<()>();
        bound.as_ref().is_none_or(|bound| bound.iter().any(|bound| bound.as_ptr().cast::<()>() == address))
    }

    /// Whether it was bound to no sink at all.
    pub(super) fn is_silent(&self) -> bool {
        self.bound.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Vec::is_empty)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.registry.remove_scope(self.id);
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("descriptor", &self.descriptor).field("level", &self.level()).finish()
    }
}
