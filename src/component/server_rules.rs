//! The rules by which a server admits clients, before there is one.

use super::{Client, ClientServer, Neighbours, Refusal, TopicAction};

/// What a server permits its clients; see [`Component::rules`](super::Component::rules).
pub trait ServerRules: Send + Sync {
    /// Everything for which it would refuse a client that comes by one of its servers. `around` is what is around the server's
    /// section. Nothing where it is not known.
    fn refusals(&self, client: &Client, by: &ClientServer, around: &dyn Neighbours) -> Vec<Refusal>;

    /// Why it would deny a client with this user name the use of a topic.
    fn denial(
        &self,
        username: Option<&str>,
        topic: &str,
        action: TopicAction,
        around: &dyn Neighbours,
    ) -> Option<Refusal>;

    /// How many clients there can be at a time, and the key that says so.
    fn most_clients(&self) -> (&'static str, usize);
}
