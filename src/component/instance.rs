//! A component behind its type.

use std::any::Any;

use super::{Component, Context};
use crate::BoxFuture;
use crate::error::Error;

/// A created component, as the container holds it.
pub trait Instance: Any + Send + Sync {
    /// See [`Component::open`].
    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;
    /// See [`Component::close`].
    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;
}

impl<C: Component> Instance for C {
    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(Component::open(self, context))
    }
    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(Component::close(self, context))
    }
}
