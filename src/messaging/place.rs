//! Where messages go that are sent to a queue.

use std::sync::Arc;

/// Where messages go that are sent to a queue, so that one can tell whether they come out of another; see
/// [`MessageQueue::place`](super::MessageQueue::place).
///
/// ```
/// use wirework::messaging::QueuePlace;
/// assert_eq!(QueuePlace::new("files", 1, "orders"), QueuePlace::new("files", 1, "orders"));
/// assert_ne!(QueuePlace::new("files", 1, "orders"), QueuePlace::new("files", 2, "orders"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuePlace {
    /// The kind of queue, such as `memory`.
    pub kind: &'static str,
    /// Among which of its kind the name is one: a number that they share, such as that of a connection.
    pub space: u64,
    /// What it is called there, such as a topic, or a filter of topics where messages bring their own.
    pub name: Arc<str>,
}

impl QueuePlace {
    /// A place of this name.
    #[must_use]
    pub fn new(kind: &'static str, space: u64, name: impl Into<Arc<str>>) -> Self {
        Self { kind, space, name: name.into() }
    }
}
