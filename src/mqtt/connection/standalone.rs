//! The context of a connection that no container has made.

use std::sync::{Mutex, PoisonError};

use crate::Error;
use crate::component::Context;

/// How a connection outside any container is called in logs.
const STANDALONE: &str = "pip-services:connection:mqtt:default:1.0";

/// The context of a connection that is opened outside any container, from `open` to `disconnect`.
#[derive(Default)]
pub(super) struct StandaloneContext(Mutex<Option<Context>>);

impl StandaloneContext {
    /// A new one.
    pub fn create() -> Result<Context, Error> {
        Ok(Context::standalone(STANDALONE.parse()?))
    }

    pub fn put(&self, context: Context) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
    }

    /// The one that was put here, or a new one where there is none.
    pub fn take(&self) -> Result<Context, Error> {
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        context.map_or_else(Self::create, Ok)
    }
}
