//! The connection that message queues share.

use crate::{BoxFuture, Error};

/// A connection to a messaging system, as far as its queues can be managed.
///
/// What a system cannot do is no error: it knows no queues, and creating or deleting one does nothing.
pub trait MessageQueueConnection: Send + Sync + 'static {
    /// The names of the queues that the system knows; empty where it cannot tell.
    fn read_queue_names(&self) -> BoxFuture<'_, Result<Vec<String>, Error>>;

    /// Creates a queue, where queues have to be created.
    fn create_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Deletes a queue, where queues can be deleted.
    fn delete_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;
}

crate::capability!(dyn MessageQueueConnection);
