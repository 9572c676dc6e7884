//! What a configuration shows of the ways that lead from one section to another, so that a check finds messages that would go
//! round for ever, and passwords that would be sent in clear.

use crate::connect::is_in_clear;

/// Where a component leads messages or passwords, as far as its configuration shows it; see
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
    /// It sends a password to servers that it looks up.
    Sought(Sought),
    /// It is a discovery service whose section lists servers.
    Listed(Listed),
}

/// Servers that get a password and that only discovery knows.
#[derive(Clone, Debug)]
pub struct Sought {
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
}

/// What the section of a discovery service lists under one name.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The name under which it is looked up.
    pub name: String,
    /// Where it stands in the section, such as `connections.mqtt`.
    pub key: String,
    /// Protocol, where it is given, and host of each server.
    pub servers: Vec<(Option<String>, String)>,
}

impl Listed {
    /// Whether a password for what is sought would cross a network in clear: a server that is not on this machine is reached by a
    /// protocol without TLS.
    #[must_use]
    pub fn is_in_clear(&self, sought: &Sought) -> bool {
        self.servers.iter().any(|(protocol, host)| {
            let protocol = sought.protocol.as_deref().or(protocol.as_deref());
            is_in_clear(protocol.unwrap_or(sought.default_protocol), host)
        })
    }
}

/// The way of messages through a queue.
#[derive(Clone, Debug)]
pub struct QueueFlow {
    /// Among what the names below are names.
    pub space: Space,
    /// What it takes from.
    pub takes: Names,
    /// How much of what is sent to a name, or to all names of a pattern, it takes (what it takes from, where it is sent);
    /// [`Share::of_names`] where there are no patterns.
    pub share: fn(&str, &str) -> Share,
    /// Whether it takes nothing of what is sent over its own connection ([`Space::Shared`]: over that of the reference), as with
    /// `no_local` of MQTT 5.
    pub no_local: bool,
    /// Where what is sent to it goes; nothing where nothing can be sent.
    pub sends: Option<Destination>,
    /// Where its dead letters go, and the key that says so.
    pub dead_letters: Option<(&'static str, Destination)>,
    /// Whether what was sent to it survives a crash of the process; see
    /// [`MessagingCapabilities::durable`](crate::messaging::MessagingCapabilities::durable).
    pub durable: bool,
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
        /// How it is made.
        template: String,
        /// The names that are made so (template) of one name or those of a pattern, or of any; those, or more.
        names: fn(&str, Option<&str>) -> Names,
    },
}

/// How much of what is sent is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Nothing.
    Nothing,
    /// Some of it.
    Part,
    /// All of it.
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
pub enum Space {
    /// In this process, among those of this kind.
    Process(&'static str),
    /// At servers, as `host:port`, to which the queue connects itself.
    Servers(Vec<String>),
    /// At the servers of the connection that this reference of the queue names.
    Shared(&'static str),
}
