//! A span that is recorded until something ends.

use super::context::TraceContext;
use super::timing::Timing;
use crate::Error;

/// A span that has begun, of which the tracers are told at its end; nothing where they are not. On the heap, since most are not there, and
/// whoever waits for the end has the room for one.
pub(crate) struct OpenSpan(Option<Box<Timing>>);

impl OpenSpan {
    /// None: nobody is told.
    pub const NONE: Self = Self(None);

    /// This one.
    pub fn of(timing: Timing) -> Self {
        Self(Some(Box::new(timing)))
    }

    /// Where it stands in its trace.
    pub fn context(&self) -> Option<&TraceContext> {
        self.0.as_deref().and_then(Timing::context)
    }

    /// What it is of has ended, or has failed for this reason.
    pub fn end(self, error: Option<&Error>) {
        match (self.0, error) {
            (None, _) => {}
            (Some(timing), None) => timing.end(),
            (Some(timing), Some(error)) => timing.fail(error),
        }
    }
}
