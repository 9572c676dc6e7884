//! What a configuration shows of the way that messages take, so that a check finds those that would go round for ever.

/// What a component does with messages, as far as its configuration shows it; see
/// [`Component::flows`](super::Component::flows).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Flow {
    /// It is a connection to these servers, as `host:port`, which others share by a reference.
    Server(Vec<String>),
    /// It is a queue.
    Queue(QueueFlow),
    /// It passes what one queue receives to another, each named by one of its references.
    Bridge {
        /// The reference to the queue that it takes from.
        source: &'static str,
        /// The reference to the queue that it sends to.
        target: &'static str,
        /// Whether it leaves messages out.
        filters: bool,
    },
}

/// The way of messages through a queue.
#[derive(Clone, Debug)]
pub struct QueueFlow {
    /// Among what the names below are names.
    pub space: Space,
    /// What it takes from: a name, or a pattern of names.
    pub takes: String,
    /// Whether a name is one of that pattern (pattern, name); nothing where `takes` is a name.
    pub matches: Option<fn(&str, &str) -> bool>,
    /// Where what is sent to it goes; nothing where nothing can be sent.
    pub sends: Option<String>,
    /// Where its dead letters go, and the key that says so.
    pub dead_letters: Option<(&'static str, String)>,
    /// Whether what was sent to it survives a crash of the process; see
    /// [`MessagingCapabilities::durable`](crate::messaging::MessagingCapabilities::durable).
    pub durable: bool,
}

/// Where the channels of a queue are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Space {
    /// In this process, among those of this kind.
    Process(&'static str),
    /// At servers, as `host:port`, to which the queue connects itself.
    Servers(Vec<String>),
    /// At the servers of the connection that this reference of the queue names.
    Shared(&'static str),
}
