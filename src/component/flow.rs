//! What a configuration shows of the ways that lead from one section to another, so that a check finds messages that would go
//! round for ever, and passwords that would be sent in clear.

use super::{StaticAnswers, TopicUse};
use crate::params::{ConnectionParams, CredentialParams, is_in_clear};

/// Where a component leads messages or passwords, as far as its configuration shows it; see
/// [`Component::flows`](super::Component::flows).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Flow {
    /// A connection to these servers, as `host:port`, which others share by a reference.
    Server(Vec<String>),
    /// A queue.
    Queue(QueueFlow),
    /// A bridge: it passes what one queue receives to another, each named by one of its references.
    Bridge {
        /// The reference to the queue that it takes from.
        source: &'static str,
        /// The reference to the queue that it sends to.
        target: &'static str,
        /// Whether it leaves messages out.
        filters: bool,
    },
    /// Connections to servers that a discovery service knows.
    DiscoveredServers(DiscoveredServers),
    /// A reference through which it only looks things up: it adds no entries to the services there.
    LooksUp(&'static str),
    /// A reference that takes one or none, and without which this component cannot open as it is configured, such as the connection
    /// that a queue shares: what it leads to counts as required.
    Needs(&'static str),
    /// A reference of which this component makes no use as it is configured, such as the connection of a queue that has one of its own:
    /// it gets nothing there unless the manifest says what.
    Unused(&'static str),
    /// What a discovery service will answer.
    Connections(StaticAnswers<ConnectionParams>),
    /// What a credential store will answer: to each key one credential, or none.
    Credentials(StaticAnswers<CredentialParams>),
    /// The topics that it publishes and subscribes to.
    Topics(Vec<TopicUse>),
}

/// Servers that only discovery knows.
#[derive(Clone, Debug)]
pub struct DiscoveredServers {
    /// The reference to the discovery services.
    pub field: &'static str,
    /// Where the section names what is looked up, such as `connection.discovery_key`.
    pub key: String,
    /// What is looked up.
    pub name: String,
    /// The protocol that the section gives, whatever is found; nothing where it gives none.
    pub protocol: Option<String>,
    /// The protocol of servers for which nobody gives one.
    pub default_protocol: &'static str,
    /// Whether the section has a password for them, beside what is found.
    pub password: bool,
}

impl DiscoveredServers {
    /// Whether a password would cross a network in clear on the way to a server that was found: it is not on this machine, and is
    /// reached by a protocol without TLS.
    #[must_use]
    pub fn is_in_clear(&self, found: &ConnectionParams) -> bool {
        let protocol = self.protocol.as_deref().or(found.protocol.as_deref());
        let is_sent = self.password || found.password.is_some();
        let in_clear = |host: &String| is_in_clear(protocol.unwrap_or(self.default_protocol), host);
        is_sent && found.host.as_ref().is_some_and(in_clear)
    }
}

/// The way of messages through a queue.
#[derive(Clone, Debug)]
pub struct QueueFlow {
    /// The namespace of the names below.
    pub space: QueueNamespace,
    /// What it takes from; nothing where nothing can be received.
    pub takes: Names,
    /// How much of what is sent to a name, or to all names of a pattern, it takes (what it takes from, where it is sent);
    /// [`Share::of_names`] where there are no patterns.
    pub share: fn(&str, &str) -> Share,
    /// Whether it takes nothing of what is sent over its own connection ([`QueueNamespace::Shared`]: over that of the reference), as with
    /// `no_local` of MQTT 5.
    pub no_local: bool,
    /// Where what is sent to it goes; nothing where nothing can be sent.
    pub sends: Option<Destination>,
    /// Where its dead letters go, and the key that says so.
    pub dead_letters: Option<(&'static str, Destination)>,
    /// Whether what was sent to it survives a crash of the process; see
    /// [`MessagingCapabilities::durable`](crate::messaging::MessagingCapabilities::durable).
    pub durable: bool,
    /// Whether it may lose what was sent to it, or was not completed yet, without a word; see
    /// [`MessagingCapabilities::at_most_once`](crate::messaging::MessagingCapabilities::at_most_once).
    pub at_most_once: bool,
}

/// Names of one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// This one.
    One(String),
    /// All of this pattern.
    Many(String),
    /// None.
    Nothing,
}

/// Where messages go that are sent to a queue.
#[derive(Clone, Debug)]
pub enum Destination {
    /// All to one name.
    Name(String),
    /// Each to a name that is made of the one it came from.
    Made {
        /// The template by which it is made, as the section has it.
        template: String,
        /// The names that are made so (template) of one name or those of a pattern, or of any; those, or more.
        names: fn(&str, Option<&str>) -> Names,
    },
}

/// How many of the messages that are sent to some names a queue takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// None of them.
    Nothing,
    /// Some of them.
    Part,
    /// All of them.
    All,
}

impl Share {
    /// Of names that are no patterns: all where they are the same.
    #[must_use]
    pub fn of_names(takes: &str, sent: &str) -> Self {
        if takes == sent { Self::All } else { Self::Nothing }
    }
}

/// Where the channels of a queue are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueNamespace {
    /// In this process, among those of this kind.
    Process(&'static str),
    /// At servers, as `host:port`, to which the queue connects itself.
    Servers(Vec<String>),
    /// At the servers of the connection that this reference of the queue names.
    Shared(&'static str),
}
