//! What a container says of a component before it runs.

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
