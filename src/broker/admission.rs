//! The rule by which clients are admitted.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{AccessConfig, BrokerConfig, BrokerError};
use crate::auth::{CredentialConfig, CredentialResolver, CredentialStore};
use crate::config::Secret;
use crate::connect::one_or_many;
use crate::error::Error;

/// The rule for clients that ask to be admitted: by user name and password, anonymously, or both; and what they may do then.
pub(super) struct Admission {
    users: Vec<User>,
    /// Whether clients without user name are admitted, and all where there are no users.
    anonymous: bool,
    anonymous_access: AccessConfig,
}

struct User {
    name: String,
    password: Secret,
    access: AccessConfig,
}

impl Admission {
    /// Resolves the credentials and checks that the rule is what somebody can have meant.
    pub async fn resolve(
        config: &BrokerConfig,
        stores: &[Arc<dyn CredentialStore>],
        address: SocketAddr,
    ) -> Result<Self, Error> {
        let credentials = one_or_many(config.credential.clone(), config.credentials.clone())?;
        let mut users = Vec::new();
        for credential in credentials {
            let (name, password) = user(credential, stores).await?;
            let access = config.users.get(&name).cloned().unwrap_or_default();
            users.push(User { name, password, access });
        }
        if let Some(name) = config.users.keys().find(|name| users.iter().all(|user| user.name != **name)) {
            return Err(BrokerError::UnknownUser { name: name.clone() }.into());
        }
        let loopback = address.ip().is_loopback();
        let anonymous = config.allow_anonymous.unwrap_or(loopback && users.is_empty());
        if users.is_empty() && !anonymous {
            return Err(match config.allow_anonymous {
                None => BrokerError::OpenToAll { address }.into(),
                Some(_) => BrokerError::ClosedToAll.into(),
            });
        }
        Ok(Self { users, anonymous, anonymous_access: config.anonymous.clone() })
    }

    /// Whether user names are checked. Where they are not, they say nothing.
    pub fn checks_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn has_user(&self, name: &str) -> bool {
        self.users.iter().any(|user| user.name == name)
    }

    /// What an admitted client of this user name may do.
    pub fn access(&self, user: Option<&str>) -> &AccessConfig {
        let known = user.and_then(|name| self.users.iter().find(|user| user.name == name));
        known.map_or(&self.anonymous_access, |user| &user.access)
    }

    /// Whether a client with this user name and password is admitted.
    pub fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let Some(user) = user else { return self.anonymous };
        if self.users.is_empty() {
            return self.anonymous;
        }
        let given = password.unwrap_or_default();
        // Every user is compared, so that the time taken does not tell which names there are.
        self.users.iter().fold(false, |found, known| {
            let password = known.password.expose().as_bytes();
            found | (same(known.name.as_bytes(), user.as_bytes()) & same(password, given))
        })
    }
}

async fn user(
    credential: CredentialConfig,
    stores: &[Arc<dyn CredentialStore>],
) -> Result<(String, Secret), Error> {
    let found =
        CredentialResolver::new(vec![credential], stores.to_vec()).lookup().await?.unwrap_or_default();
    let missing = |missing| BrokerError::IncompleteCredential { missing };
    let username = found.username.ok_or(missing("username"))?;
    Ok((username, found.password.ok_or(missing("password"))?))
}

/// Equality in a time that depends on the lengths alone.
fn same(expected: &[u8], given: &[u8]) -> bool {
    let difference = expected.iter().zip(given).fold(0, |difference, (a, b)| difference | (a ^ b));
    difference == 0 && expected.len() == given.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admission(config: &str, address: &str) -> Result<Admission, String> {
        let config: BrokerConfig = toml::from_str(config).unwrap();
        Admission::resolve(&config, &[], address.parse().unwrap()).await.map_err(|error| error.chain())
    }

    #[tokio::test]
    async fn loopback_admits_everybody_unless_told_otherwise() {
        let open = admission("", "127.0.0.1:0").await.unwrap();
        assert!(open.admits(None, None) && open.admits(Some("ann"), Some(b"x")));
        let users = "credential = { username = 'ann', password = 'secret' }";
        let closed = admission(users, "[::1]:0").await.unwrap();
        assert!(closed.admits(Some("ann"), Some(b"secret")));
        for (user, password) in [
            (None, None),
            (Some("ann"), None),
            (Some("ann"), Some(&b"secre"[..])),
            (Some("ann"), Some(b"secret2")),
            (Some("bob"), Some(b"secret")),
            (Some(""), Some(b"")),
        ] {
            assert!(!closed.admits(user, password), "{user:?}");
        }
        let both = admission(&format!("{users}\nallow_anonymous = true"), "127.0.0.1:0").await.unwrap();
        assert!(both.admits(None, None) && !both.admits(Some("ann"), Some(b"x")));
    }

    #[tokio::test]
    async fn users_have_their_own_access_and_others_the_anonymous_one() {
        let config = "credentials = [{ user = 'ann', password = 'a' }, { user = 'bob', password = 'b' }]\n\
                      allow_anonymous = true\nusers.ann.publish = ['a/#']\nanonymous.subscribe = []";
        let admission = admission(config, "127.0.0.1:0").await.unwrap();
        let ann = admission.access(Some("ann"));
        assert!(ann.allows_publish("a/b") && !ann.allows_publish("b") && ann.allows_subscribe("#"));
        assert!(admission.access(Some("bob")).allows_publish("b"));
        assert!(!admission.access(None).allows_subscribe("a"));
    }

    #[tokio::test]
    async fn a_user_without_credential_is_named() {
        let config = "credential = { user = 'ann', password = 'a' }\nusers.bob.publish = []";
        let error = admission(config, "127.0.0.1:0").await.err().unwrap();
        assert_eq!(error, "`users.bob` says what `bob` may do, but no `credential` is of that user");
    }

    #[tokio::test]
    async fn other_networks_admit_nobody_unless_told_so() {
        let fail = |config, address| async move { admission(config, address).await.err().unwrap() };
        assert_eq!(
            fail("", "0.0.0.0:1883").await,
            "0.0.0.0:1883 can be reached from other machines; give a `credential`, or write `allow_anonymous = true` \
             to admit everybody"
        );
        assert!(admission("allow_anonymous = true", "0.0.0.0:1883").await.unwrap().admits(None, None));
        assert!(fail("allow_anonymous = false", "127.0.0.1:0").await.contains("no client could connect"));
        assert_eq!(
            fail("credentials = [{ user = 'ann' }]", "127.0.0.1:0").await,
            "a `credential` of a broker has a user name and a password, this one has no password"
        );
    }
}
