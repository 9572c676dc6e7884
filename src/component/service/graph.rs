//! The components of a service as its container tells them, and who of them uses whom.

use std::sync::Arc;

use super::super::Descriptor;
use super::readiness::ReadinessRule;
use crate::log::Scope;

/// What of a component matters here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceMember {
    /// Its name.
    pub descriptor: Descriptor,
    /// Whether the service cannot do without it.
    pub critical: bool,
    /// When it makes the service not ready.
    pub readiness: ReadinessRule,
    /// How it logs, where that is known.
    pub scope: Option<Arc<Scope>>,
}

impl ServiceMember {
    /// A component of this name, critical, with the default rule.
    #[must_use]
    pub fn new(descriptor: Descriptor) -> Self {
        Self { descriptor, critical: true, readiness: ReadinessRule::default(), scope: None }
    }

    /// Whether the service cannot do without it.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
        self
    }

    /// When it makes the service not ready.
    #[must_use]
    pub fn readiness(mut self, rule: ReadinessRule) -> Self {
        self.readiness = rule;
        self
    }

    /// How it logs.
    #[must_use]
    pub fn scope(mut self, scope: Arc<Scope>) -> Self {
        self.scope = Some(scope);
        self
    }
}

/// One reference of a component, or its `after`, and what it resolved to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Link {
    /// The field of its references; `after` for what it opens after without a reference.
    pub field: &'static str,
    /// Whether the component does not wait for it.
    pub late: bool,
    /// The components that it leads to, by position.
    pub to: Vec<u32>,
}

impl Link {
    /// A link of the name `field`.
    #[must_use]
    pub fn new(field: &'static str, late: bool, to: Vec<u32>) -> Self {
        Self { field, late, to }
    }
}

/// Who knows which component uses which others.
pub trait ServiceGraph: Send + Sync + 'static {
    /// The references of the component at a position, then what it opens after.
    fn links(&self, position: u32) -> Vec<Link>;
}

/// The graph of a service whose components use none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGraph;

impl ServiceGraph for NoGraph {
    fn links(&self, _: u32) -> Vec<Link> {
        Vec::new()
    }
}
