//! The listeners of a service: the log is one, tests and pages are others.

use std::fmt;
use std::sync::Arc;

use super::event::{Event, Listener};
use super::event_log::EventLog;

/// The listeners of one service.
#[derive(Clone, Default)]
pub struct Events {
    listeners: Vec<Arc<dyn Listener>>,
}

impl Events {
    /// With the log as the only listener: each event becomes a record of the target `wirework`.
    #[must_use]
    pub fn logged() -> Self {
        Self { listeners: vec![Arc::new(EventLog)] }
    }

    /// With one more listener.
    #[must_use]
    pub fn and(mut self, listener: Arc<dyn Listener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Tells every listener, in the order in which they were added.
    pub(super) fn tell(&self, event: &Event<'_>) {
        self.listeners.iter().for_each(|listener| listener.on(event));
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("listeners", &self.listeners.len()).finish()
    }
}
