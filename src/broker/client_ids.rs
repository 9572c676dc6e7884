//! The client identifiers in use, and their users.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::connection_state::ConnectionState;

/// The client identifiers of the clients that are connected, with their users.
#[derive(Default)]
pub(super) struct ClientIds(Mutex<HashMap<String, Use>>);

struct Use {
    user: Option<String>,
    connections: usize,
    /// The latest of them, and from where it came.
    latest: (Weak<ConnectionState>, SocketAddr),
}

/// The user of an identifier, where it is another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherUser;

/// The right to a client identifier, until it is dropped. A client that takes over its own connection has it twice.
pub(super) struct ClaimedClientId {
    client_ids: Arc<ClientIds>,
    client_id: String,
}

impl ClientIds {
    /// The right to the identifier, unless another user's client has it; and from where the connection came that is taken over
    /// by this, where there is one that lives.
    pub fn claim(
        self: &Arc<Self>,
        client_id: &str,
        user: Option<&str>,
        (connection, peer): (&Arc<ConnectionState>, SocketAddr),
    ) -> Result<(ClaimedClientId, Option<SocketAddr>), OtherUser> {
        let (latest, mut taken_over) = ((Arc::downgrade(connection), peer), None);
        match self.lock().entry(client_id.to_owned()) {
            Entry::Occupied(used) if used.get().user.as_deref() != user => return Err(OtherUser),
            Entry::Occupied(mut used) => {
                let used = used.get_mut();
                used.connections += 1;
                let (former, from) = std::mem::replace(&mut used.latest, latest);
                taken_over = former.upgrade().filter(|former| !former.over()).map(|_| from);
            }
            Entry::Vacant(free) => {
                free.insert(Use { user: user.map(str::to_owned), connections: 1, latest });
            }
        }
        let claimed = ClaimedClientId { client_ids: Arc::clone(self), client_id: client_id.to_owned() };
        Ok((claimed, taken_over))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimedClientId {
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

impl Drop for ClaimedClientId {
    fn drop(&mut self) {
        let mut client_ids = self.client_ids.lock();
        if let Some(used) = client_ids.get_mut(&self.client_id) {
            used.connections -= 1;
            if used.connections == 0 {
                client_ids.remove(&self.client_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_free_when_the_last_connection_of_its_user_has_ended() {
        let (client_ids, connection) = (Arc::new(ClientIds::default()), Arc::default());
        let claim = |user| client_ids.claim("id", user, (&connection, "127.0.0.1:1".parse().unwrap())).ok();
        let first = claim(Some("ann")).unwrap();
        let second = claim(Some("ann")).unwrap();
        assert!(claim(Some("bob")).is_none() && claim(None).is_none());
        drop(first);
        assert!(claim(None).is_none());
        drop(second);
        assert!(claim(None).is_some());
        assert!(client_ids.lock().is_empty());
    }

    #[test]
    fn only_a_connection_that_lives_is_taken_over() {
        let client_ids = Arc::new(ClientIds::default());
        let connections: [Arc<ConnectionState>; 3] = Default::default();
        let [one, two, three] = &connections;
        let peer = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let claim = |connection, port| client_ids.claim("id", None, (connection, peer(port))).unwrap();
        let (_first, none) = claim(one, 1);
        let (_second, first) = claim(two, 2);
        assert_eq!((none, first), (None, Some(peer(1))));
        two.set_over();
        let (_third, none) = claim(three, 3);
        assert_eq!(none, None, "its client has left");
    }
}
