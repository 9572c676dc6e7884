//! What a container says of a component before it runs.

use super::super::Descriptor;
use super::readiness::ReadinessRule;

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
}

impl ServiceMember {
    /// A component of this name, critical, with the default rule.
    #[must_use]
    pub fn new(descriptor: Descriptor) -> Self {
        Self { descriptor, critical: true, readiness: ReadinessRule::default() }
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
}
