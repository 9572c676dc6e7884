//! Who is admitted.

use std::net::SocketAddr;
use std::sync::Arc;

use mqtt5::broker::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::types::ReasonCode;

use super::{BrokerConfig, BrokerError};
use crate::auth::{CredentialConfig, CredentialResolver, CredentialStore};
use crate::config::Secret;
use crate::connect::one_or_many;
use crate::text::clip;
use crate::{BoxFuture, Error};

/// The rule for clients that ask to be admitted: by user name and password, anonymously, or both.
pub(super) struct Admission {
    users: Vec<(String, Secret)>,
    anonymous: bool,
}

impl Admission {
    /// Resolves the credentials and checks that the rule is what somebody can have meant.
    pub(super) async fn resolve(
        config: &BrokerConfig,
        stores: &[Arc<dyn CredentialStore>],
        address: SocketAddr,
    ) -> Result<Self, Error> {
        let credentials = one_or_many(config.credential.clone(), config.credentials.clone())?;
        let mut users = Vec::new();
        for credential in credentials {
            users.push(user(credential, stores).await?);
        }
        let loopback = address.ip().is_loopback();
        let anonymous = config.allow_anonymous.unwrap_or(loopback && users.is_empty());
        if users.is_empty() && !anonymous {
            return Err(match config.allow_anonymous {
                None => BrokerError::OpenToAll { address }.into(),
                Some(_) => BrokerError::ClosedToAll.into(),
            });
        }
        Ok(Self { users, anonymous })
    }

    fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let Some(user) = user else { return self.anonymous };
        if self.users.is_empty() {
            return self.anonymous;
        }
        let given = password.unwrap_or_default();
        // Every user is compared, so that the time taken does not tell which names there are.
        self.users.iter().fold(false, |found, (name, password)| {
            found | (same(name.as_bytes(), user.as_bytes()) & same(password.expose().as_bytes(), given))
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

type Allowed<'a> = BoxFuture<'a, bool>;

impl AuthProvider for Admission {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client: SocketAddr,
    ) -> BoxFuture<'a, mqtt5::Result<AuthResult>> {
        let admitted = self.admits(connect.username.as_deref(), connect.password.as_deref());
        if !admitted {
            let client_id = clip(&connect.client_id);
            tracing::warn!(%client_id, %client, "client refused: wrong user name or password");
        }
        let result = match &connect.username {
            _ if !admitted => AuthResult::fail(ReasonCode::BadUsernameOrPassword),
            Some(user) => AuthResult::success_with_user(user.clone()),
            None => AuthResult::success(),
        };
        Box::pin(async move { Ok(result) })
    }

    fn authorize_publish<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Allowed<'a> {
        Box::pin(async { true })
    }

    fn authorize_subscribe<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Allowed<'a> {
        Box::pin(async { true })
    }
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
