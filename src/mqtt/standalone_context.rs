//! The context of a connection that is opened outside any container.

use std::sync::{Mutex, PoisonError};

use crate::Error;
use crate::component::Context;

/// How a connection outside any container is called in logs.
const NAME: &str = "pip-services:connection:mqtt:default:1.0";

/// Holds the context from `open` to `disconnect`.
#[derive(Default)]
pub(super) struct StandaloneContext(Mutex<Option<Context>>);

impl StandaloneContext {
    /// A new one.
    pub(super) fn create() -> Result<Context, Error> {
        Ok(Context::standalone(NAME.parse()?))
    }

    pub(super) fn put(&self, context: Context) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
    }

    /// The one that was put here, or a new one where there is none.
    pub(super) fn take(&self) -> Result<Context, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.map_or_else(Self::create, Ok)
    }
}
