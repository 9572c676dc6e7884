//! One component of a plan: its section, its factory, and what its references resolved to.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use wirework::Pattern;
use wirework::component::{AnyArc, Instance, Parsed};
use wirework::config::Span;
use wirework::log::LogSink;

use super::factories::FactoryInfo;
use super::lists::List;
use crate::manifest::Entry;

/// How long a component may take to open or close when its section does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// One component of a plan.
pub struct Planned {
    /// Its section.
    pub entry: Entry,
    /// Its factory, where there is exactly one.
    pub known: Option<Arc<FactoryInfo>>,
    /// What is known of its configuration, where that could be read at least in part.
    pub parsed: Option<Parsed>,
    /// What each of its references asks for and resolved to, in the order in which they are declared.
    pub references: Vec<ResolvedReference>,
}

wirework::opaque!(Planned);

/// What one reference asks for and resolved to.
pub struct ResolvedReference {
    /// What is asked for, `{name}` replaced.
    pub pattern: Pattern,
    /// Where the manifest says so; nothing where the component's own pattern holds.
    pub overridden: Option<Span>,
    /// Whether what the manifest says of it could not be read, so that what it resolved to means nothing.
    pub unreadable: bool,
    /// The components it resolved to.
    pub list: List,
}

wirework::opaque!(ResolvedReference);

impl Planned {
    /// How long it may take to open.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.entry.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Its instance as a log sink, if it offers to be one.
    #[must_use]
    pub fn log_sink(&self, instance: &Arc<dyn Instance>) -> Option<Arc<dyn LogSink>> {
        let mut sink: Option<Arc<dyn LogSink>> = None;
        let offer = self.known.as_ref()?.offer(TypeId::of::<dyn LogSink>())?;
        offer.cast(Arc::clone(instance) as AnyArc, &mut sink);
        sink
    }
}
