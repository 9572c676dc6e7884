//! The rules by which a server admits clients, before there is one.

use super::{Client, ClientFilters, ClientServer, FilterLimit, Neighbours, Refusal, TopicAction};

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

    /// How many filters one client takes; none where it can take any number.
    fn filter_limit(&self, client: &ClientFilters<'_>) -> Option<FilterLimit> {
        let _ = client;
        None
    }

    /// How many filters all clients take together; none where they can take any number.
    fn filter_limit_in_all(&self, clients: &[ClientFilters<'_>]) -> Option<FilterLimit> {
        let _ = clients;
        None
    }
}
