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
