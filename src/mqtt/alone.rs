//! The context of a connection that was opened without any.

use std::sync::{Mutex, PoisonError};

use crate::Error;
use crate::component::Context;

/// How a connection outside any container is called in logs.
const NAME: &str = "pip-services:connection:mqtt:default:1.0";

/// Keeps it until the connection is closed.
#[derive(Default)]
pub(super) struct Alone(Mutex<Option<Context>>);

impl Alone {
    /// A context for a connection outside any container.
    pub(super) fn context() -> Result<Context, Error> {
        Ok(Context::standalone(NAME.parse()?))
    }

    pub(super) fn keep(&self, context: Context) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
    }

    /// The one that was kept, or another.
    pub(super) fn take(&self) -> Result<Context, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.map_or_else(Self::context, Ok)
    }
}
