//! Clients and servers of one manifest, as far as sections and what they lead to show them before there are components: so that
//! `check` finds clients that a server would refuse.

use std::borrow::Cow;

use crate::params::CredentialParams;

/// A client: it connects to the first of its servers that admits it. See [`Component::client`](super::Component::client).
#[derive(Clone, Debug)]
pub struct Client {
    /// The servers that it tries.
    pub servers: Vec<ClientServer>,
    /// Whether there may be others, of which nobody knows yet.
    pub has_others: bool,
    /// Its client id; where it is made anew at each start, one like it, and no longer than it will be.
    pub client_id: String,
    /// What the client id is made of, where the section does not give it: "of the names of …".
    pub made_of: Option<&'static str>,
    /// The topic of its will.
    pub will: Option<String>,
    /// The user properties of its will.
    pub user_properties: usize,
    /// The bytes of what it says first, or fewer.
    pub first_packet: usize,
    /// Whether it connects only when somebody asks for it at run time, so that nothing fails while the service starts.
    pub connects_later: bool,
    /// Whether it subscribes to no filter that another one of its filters covers.
    pub merges_filters: bool,
}

/// A server that a client tries.
#[derive(Clone, Debug)]
pub struct ClientServer {
    /// The key of the client's section that leads to it.
    pub key: String,
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The protocol, as the client's section or discovery has it.
    pub protocol: &'static str,
    /// Whether the client speaks over TCP, without TLS or WebSocket in between.
    pub is_plain: bool,
    /// User name and password that it is shown, each where there is one; `None` where nobody knows.
    pub login: Option<CredentialParams>,
    /// The key of the client's section that gives them, or would.
    pub login_key: String,
}

/// A topic or filter that a component uses at the server of its own connection, or of the connection that it shares.
#[derive(Clone, Debug)]
pub struct TopicUse {
    /// The key of the section that names it.
    pub key: &'static str,
    /// The topic or filter.
    pub topic: String,
    /// The reference to the component that has the connection; `None` for a connection of its own.
    pub connection: Option<&'static str>,
    /// What it does with it.
    pub action: TopicAction,
}

/// What is done with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicAction {
    /// It is published to.
    Publish,
    /// It is subscribed to where somebody receives.
    Subscribe,
    /// It is subscribed to while the component opens.
    SubscribeAtOpen,
}

/// The filters that one client subscribes to, by the components that use its connection.
#[derive(Clone, Debug, Default)]
pub struct ClientFilters<'a> {
    /// Those that are subscribed to while the components open.
    pub at_open: Vec<&'a str>,
    /// Those, and the others from which somebody is to receive.
    pub all: Vec<&'a str>,
    /// See [`Client::merges_filters`].
    pub merges: bool,
}

/// How many filters a server is asked for, and how many it grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterLimit {
    /// The key of the server's section that says how many it grants.
    pub key: &'static str,
    /// How many that are.
    pub limit: usize,
    /// How many it is asked for while components open, or fewer.
    pub at_open: usize,
    /// How many it is asked for at all, or more.
    pub all: usize,
}

/// Why a server would refuse a client, or deny it something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the problem.
    pub code: &'static str,
    /// What is wrong, as the end of a sentence that begins "…, which would refuse it: it ". Shows no secret.
    pub problem: String,
    /// Where the client's section says so, the first that it has.
    pub client_keys: Vec<Cow<'static, str>>,
    /// The key of the server's section that says otherwise.
    pub server_key: Cow<'static, str>,
    /// What to write.
    pub remedy: String,
}
