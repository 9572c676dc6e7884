//! What is around a section in its manifest, before there are components.

use std::any::Any;

use super::{Descriptor, Flow};
use crate::config::Span;

/// What the references of one section lead to; see [`Component::validate_with`](super::Component::validate_with).
pub trait Neighbours {
    /// The sections that the reference `field` resolved to, in manifest order; `None` where nobody knows, since what the manifest
    /// says of the reference could not be read, a section may be lost, or there are several for a reference that takes one.
    fn resolved(&self, field: &str) -> Option<Vec<Neighbour<'_>>>;

    /// One that the reference `field` would resolve to, were it enabled.
    fn disabled(&self, field: &str) -> Option<&Descriptor>;

    /// Where the manifest says what the reference `field` resolves to, if it does.
    fn span(&self, field: &str) -> Option<Span>;

    /// Where the one section that the reference `field` resolved to has the first of these keys that it has; the section, where it has
    /// none.
    fn place(&self, field: &str, keys: &[&str]) -> Option<Span> {
        let _ = (field, keys);
        None
    }

    /// The name of the service, where the manifest gives one.
    fn service_name(&self) -> Option<&str> {
        None
    }
}

/// A section that a reference resolved to.
#[derive(Clone, Copy)]
pub struct Neighbour<'a> {
    descriptor: &'a Descriptor,
    config: Option<&'a (dyn Any + Send)>,
    flows: &'a [Flow],
    written: bool,
}

impl std::fmt::Debug for Neighbour<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbour").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

impl<'a> Neighbour<'a> {
    /// A section with the configuration that was read, if it could be. `written` tells whether other components may add to what it
    /// keeps, while the service runs.
    #[must_use]
    pub fn new(
        descriptor: &'a Descriptor,
        config: Option<&'a (dyn Any + Send)>,
        flows: &'a [Flow],
        written: bool,
    ) -> Self {
        Self { descriptor, config, flows, written }
    }

    /// Which component.
    #[must_use]
    pub fn descriptor(&self) -> &'a Descriptor {
        self.descriptor
    }

    /// Its configuration, where that is of type `C` and all of its section could be read.
    #[must_use]
    pub fn config<C: 'static>(&self) -> Option<&'a C> {
        self.config?.downcast_ref()
    }

    /// See [`Component::flows`](super::Component::flows); nothing where its section could not be read.
    #[must_use]
    pub fn flows(&self) -> &'a [Flow] {
        self.flows
    }

    /// Whether other components may add to what it keeps.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.written
    }
}
