//! The client identifiers in use, and their users.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The client identifiers of the clients that are connected, with their users.
#[derive(Default)]
pub(super) struct ClientIds(Mutex<HashMap<String, Use>>);

struct Use {
    user: Option<String>,
    connections: usize,
}

/// The right to a client identifier, until it is dropped. A client that takes over its own connection has it twice.
pub(super) struct ClaimedClientId {
    client_ids: Arc<ClientIds>,
    client_id: String,
}

impl ClientIds {
    /// The right to the identifier, unless another user's client has it.
    pub fn claim(self: &Arc<Self>, client_id: &str, user: Option<&str>) -> Option<ClaimedClientId> {
        match self.lock().entry(client_id.to_owned()) {
            Entry::Occupied(used) if used.get().user.as_deref() != user => return None,
            Entry::Occupied(mut used) => used.get_mut().connections += 1,
            Entry::Vacant(free) => {
                free.insert(Use { user: user.map(str::to_owned), connections: 1 });
            }
        }
        Some(ClaimedClientId { client_ids: Arc::clone(self), client_id: client_id.to_owned() })
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
        let client_ids = Arc::new(ClientIds::default());
        let first = client_ids.claim("id", Some("ann")).unwrap();
        let second = client_ids.claim("id", Some("ann")).unwrap();
        assert!(client_ids.claim("id", Some("bob")).is_none() && client_ids.claim("id", None).is_none());
        drop(first);
        assert!(client_ids.claim("id", None).is_none());
        drop(second);
        assert!(client_ids.claim("id", None).is_some());
        assert!(client_ids.lock().is_empty());
    }
}
