//! Whether a broker that is configured so could open, as far as that can be known before.

use std::net::{IpAddr, SocketAddr};

use futures_util::FutureExt;

use super::{BrokerConfig, BrokerError};
use crate::auth::{self, CredentialConfig, CredentialParams, CredentialResolver};
use crate::component::Neighbours;
use crate::config::Invalid;
use crate::connect::{host_remedy, keyed, one_or_many};
use crate::error::Coded;
use crate::params::is_host;

impl BrokerConfig {
    /// Every value with which it could not open, whatever the credential stores keep.
    pub(super) fn impossible(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !is_host(&self.host) {
            let problem = format!(
                "is no name and no address: {}; `127.0.0.1` is this machine alone, `0.0.0.0` all its networks, and IPv6 has no \
                 brackets here",
                host_remedy(&self.host)
            );
            found.push(Invalid::new("host", problem).with_code("BAD_HOST"));
        }
        let credentials = match one_or_many(self.credential.clone(), self.credentials.clone()) {
            Ok(credentials) => credentials,
            Err(both) => {
                found.push(both.into());
                return found;
            }
        };
        if credentials.is_empty() {
            found.extend(self.unguarded());
        }
        found.extend(self.keyed_credentials().flat_map(|(key, credential)| credential.unread(&key)));
        // What is looked up is not known yet.
        let complete = self.keyed_credentials().filter(|(_, one)| one.store_key().is_none());
        found.extend(complete.filter_map(|(key, one)| incomplete(&key, &one.inline())));
        let another = |one: &CredentialConfig, name: &str| {
            one.store_key().is_none() && one.username.as_deref() != Some(name)
        };
        let unknown = self.users.keys().filter(|name| credentials.iter().all(|one| another(one, name)));
        found.extend(unknown.map(|name| unknown_user(name)));
        found
    }

    /// A broker without users that admits nobody, or anybody without having been told to.
    fn unguarded(&self) -> Option<Invalid> {
        if self.allow_anonymous == Some(false) {
            let problem = "is false, and no `credential` is given: no client could connect";
            return Some(Invalid::new("allow_anonymous", problem).with_code(BrokerError::ClosedToAll.code()));
        }
        // What a name stands for is not known yet.
        let address: IpAddr = self.host.parse().ok()?;
        if self.allow_anonymous.is_some() || address.is_loopback() {
            return None;
        }
        let open = BrokerError::OpenToAll { address: SocketAddr::new(address, self.port) };
        Some(Invalid::new("host", format!("lets everybody in: {open}")).with_code(open.code()))
    }

    /// Every credential that is not found, or is not that of a user.
    pub(super) fn unresolvable(&self, around: &dyn Neighbours) -> Vec<Invalid> {
        let sought = self.keyed_credentials().any(|(_, one)| one.store_key().is_some());
        let stores = sought.then(|| auth::static_lookups(around, "credentials")).flatten();
        let Some(stores) = stores else { return Vec::new() };
        let (mut found, mut users) = (Vec::new(), Vec::new());
        for (key, credential) in self.keyed_credentials() {
            let resolver = CredentialResolver::new(vec![credential.clone()], stores.clone());
            match resolver.lookup().now_or_never() {
                // Nobody knows what it will be.
                None => return found,
                Some(Err(error)) => {
                    let key = format!("{key}.store_key");
                    found.push(Invalid::failing(key, "leads to no credential", &error));
                }
                Some(Ok(looked_up)) => {
                    let looked_up = looked_up.unwrap_or_default();
                    let sought = credential.store_key().is_some();
                    found.extend(incomplete(&key, &looked_up).filter(|_| sought));
                    users.extend(looked_up.username);
                }
            }
        }
        found.extend(auth::exposed(self.keyed_credentials(), around, "credentials"));
        if found.iter().all(Invalid::is_warning) {
            let unknown = self.users.keys().filter(|name| !users.contains(name));
            found.extend(unknown.map(|name| unknown_user(name)));
        }
        found
    }

    /// All credentials with their keys.
    pub(super) fn keyed_credentials(&self) -> impl Iterator<Item = (String, &CredentialConfig)> {
        keyed(self.credential.as_ref(), self.credentials.as_deref())
    }
}

/// What a user lacks.
fn incomplete(key: &str, found: &CredentialParams) -> Option<Invalid> {
    let missing = match (&found.username, &found.password) {
        (None, _) => "username",
        (Some(_), None) => "password",
        (Some(_), Some(_)) => return None,
    };
    let error = BrokerError::IncompleteCredential { missing };
    let problem = format!("has no {missing}; a `credential` of a broker has a user name and a password");
    Some(Invalid::new(key.to_owned(), problem).with_code(error.code()))
}

fn unknown_user(name: &str) -> Invalid {
    let code = BrokerError::UnknownUser { name: name.to_owned() }.code();
    let problem = "gives rights to a user that the broker does not have; a `credential` with that user name is missing, or the name is misspelt";
    Invalid::new(format!("users.{name}"), problem).with_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::MemoryCredentialStore;
    use crate::component::testing::Around;

    fn problems(config: &str, around: &Around) -> Vec<(String, String)> {
        let config: BrokerConfig = crate::config::from_toml(config).unwrap();
        let found = config.impossible().into_iter().chain(config.unresolvable(around));
        found.map(|one| (one.key().to_owned(), one.code().to_owned())).collect()
    }

    #[test]
    fn what_could_not_open_is_named() {
        let none = Around::default();
        for (config, key, code) in [
            ("host = ''", "host", "BAD_HOST"),
            ("host = '[::1]'", "host", "BAD_HOST"),
            ("host = '0.0.0.0:1883'", "host", "BAD_HOST"),
            ("host = '0.0.0.0'", "host", "OPEN_TO_ALL"),
            ("allow_anonymous = false", "allow_anonymous", "CLOSED_TO_ALL"),
            ("credentials = []\nallow_anonymous = false", "allow_anonymous", "CLOSED_TO_ALL"),
            ("credential = { user = 'ann' }", "credential", "INCOMPLETE_CREDENTIAL"),
            ("credentials = [{ pass = 'x' }]", "credentials.0", "INCOMPLETE_CREDENTIAL"),
            ("credential.store_key = 'k'", "credential.store_key", "REF_ERROR"),
            ("users.ann.publish = []", "users.ann", "UNKNOWN_USER"),
        ] {
            assert_eq!(problems(config, &none), [(key.to_owned(), code.to_owned())], "{config}");
        }
        for fine in ["", "host = '::1'", "host = 'localhost'", "host = '0.0.0.0'\nallow_anonymous = true"] {
            assert!(problems(fine, &none).is_empty(), "{fine}");
        }
    }

    #[test]
    fn users_are_looked_up() {
        let store = "pip-services:credential-store:memory:default:1.0";
        let keeps = "credentials.k = { user = 'ann', pass = 'x' }\ncredentials.half.pass = 'x'";
        let around = Around::default().with::<MemoryCredentialStore>("credentials", store, keeps);
        let sought = "credential.store_key = 'k'";
        assert!(problems(sought, &around).is_empty());
        assert!(problems(&format!("{sought}\nusers.ann.publish = []"), &around).is_empty());
        let unknown = problems(&format!("{sought}\nusers.bob.publish = []"), &around);
        assert_eq!(unknown, [("users.bob".to_owned(), "UNKNOWN_USER".to_owned())]);
        let half = problems("credential.store_key = 'half'", &around);
        assert_eq!(half, [("credential".to_owned(), "INCOMPLETE_CREDENTIAL".to_owned())]);
        let missing = problems("credential.store_key = 'l'", &around);
        assert_eq!(missing, [("credential.store_key".to_owned(), "MISSING_CREDENTIALS".to_owned())]);
    }
}
