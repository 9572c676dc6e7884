//! The logger as a reference: a handle, late and never required.

use std::sync::Arc;

use super::{LogSink, Logger};
use crate::component::{Capability, Cardinality, Found, Slot};
use crate::error::Error;

impl Capability for dyn LogSink {
    const NAME: &'static str = "LogSink";
}

/// The sinks that the reference resolves to are those that the whole component is routed to.
impl Slot for Logger {
    type Capability = dyn LogSink;
    const CARDINALITY: Cardinality = Cardinality::Late;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        let scope = Arc::clone(found.scope());
        let logger = Self::in_scope(Arc::clone(&scope));
        found.defer::<dyn LogSink>(move |sinks| scope.bind(sinks));
        Ok(logger)
    }
}
