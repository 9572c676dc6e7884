//! The client id: given, or made, or assigned by the broker.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use crate::environment;

/// What a broker knows a client as. Clones share what it has assigned.
#[derive(Clone, Debug)]
pub(crate) struct ClientId {
    asked: String,
    assigned: Arc<OnceLock<String>>,
}

impl ClientId {
    /// `<service>-<name>-<host>-<8 hexadecimal digits>`, new at each call: two processes of one service on one host must not
    /// throw each other out.
    pub fn generate(service: &str, name: &str) -> String {
        // The keys of a `RandomState` come from the system's source of randomness.
        let digits = RandomState::new().hash_one(std::process::id()) as u32;
        made(service, name, &environment::host_name(), digits)
    }

    /// One as [`generate`](Self::generate) makes it, on a machine with the shortest name.
    pub fn shortest(service: &str, name: &str) -> String {
        made(service, name, "h", 0)
    }

    /// What it is known as now.
    pub fn get(&self) -> &str {
        self.assigned.get().unwrap_or(&self.asked)
    }

    /// Goes by another id from now on; false where it does already, or the broker has assigned one before: asked for that, it
    /// has no reason to assign another.
    pub fn assign(&self, id: String) -> bool {
        id != self.get() && self.assigned.set(id).is_ok()
    }
}

impl From<String> for ClientId {
    fn from(asked: String) -> Self {
        Self { asked, assigned: Arc::default() }
    }
}

fn made(service: &str, name: &str, host: &str, digits: u32) -> String {
    format!("{service}-{name}-{host}-{digits:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (ClientId::generate("s", "n"), ClientId::generate("s", "n"));
        assert!(one.starts_with("s-n-") && one.len() > 13);
        assert_ne!(one, other);
    }

    #[test]
    fn all_clones_go_by_what_is_assigned() {
        let id = ClientId::from("mine".to_owned());
        let clone = id.clone();
        assert!(!id.assign("mine".to_owned()));
        assert_eq!(clone.get(), "mine");
        assert!(id.assign("their".to_owned()) && !clone.assign("other".to_owned()));
        assert_eq!((id.get(), clone.get()), ("their", "their"));
    }
}
