//! Resolves configured credentials with the help of credential stores.

use std::sync::Arc;

use super::{CredentialConfig, CredentialError, CredentialParams, CredentialStore};
use crate::Error;
use crate::connect::Asked;

/// The configured credentials of one component, and the stores it references.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use wirework::auth::{CredentialConfig, CredentialResolver};
/// let config = CredentialConfig { username: Some("ann".to_owned()), ..CredentialConfig::default() };
/// let credential = CredentialResolver::new(vec![config], vec![]).lookup().await?;
/// assert_eq!(credential.and_then(|found| found.username).as_deref(), Some("ann"));
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub struct CredentialResolver {
    configs: Vec<CredentialConfig>,
    stores: Vec<Arc<dyn CredentialStore>>,
}

crate::opaque::opaque!(CredentialResolver);

impl CredentialResolver {
    /// Credentials in order of preference, and the stores that are asked for their keys, in order.
    #[must_use]
    pub fn new(configs: Vec<CredentialConfig>, stores: Vec<Arc<dyn CredentialStore>>) -> Self {
        Self { configs, stores }
    }

    /// The first credential that is there, what is configured over what is found; `None` where nothing is
    /// configured. A credential whose store key is not found gives way to the next one. Every call asks anew.
    ///
    /// # Errors
    /// Where no configured credential is there, what the first one failed with: [`CredentialError::NoStore`],
    /// [`CredentialError::NotFound`], or the failure of a store that was asked before any had the key.
    pub async fn lookup(&self) -> Result<Option<CredentialParams>, Error> {
        let mut first = None;
        for config in &self.configs {
            let inline = config.inline();
            let Some(key) = config.store_key() else {
                if inline.is_empty() {
                    continue;
                }
                return Ok(Some(inline));
            };
            match self.find(key).await {
                Ok(found) => return Ok(Some(inline.or(found))),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// What the first store that has `key` keeps there. A store that fails ends the search: another one may keep an
    /// older credential under the same key.
    async fn find(&self, key: &str) -> Result<CredentialParams, Error> {
        if self.stores.is_empty() {
            return Err(CredentialError::NoStore { key: key.to_owned() }.into());
        }
        for store in &self.stores {
            let found = store.lookup(key).await.map_err(|error| {
                let store = store.name();
                error.context(format!("credential store `{store}` failed to look up credential `{key}`"))
            })?;
            if let Some(found) = found.map(CredentialParams::filled) {
                return Ok(found);
            }
        }
        let looked_in = |store| CredentialStore::looked_in(store, key);
        let stores = Asked::all(&self.stores, CredentialStore::name, looked_in).await;
        Err(CredentialError::NotFound { key: key.to_owned(), stores }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::{BoxFuture, Category};

    /// Knows one key, or fails for every one.
    struct Fake(&'static str, Result<(&'static str, &'static str), ()>);

    impl CredentialStore for Fake {
        fn name(&self) -> &str {
            self.0
        }
        fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
            Box::pin(async move {
                let (known, user) =
                    self.1.map_err(|()| Error::new(Category::FileError, "READ_FAILED", "no such file"))?;
                Ok((known == key).then(|| CredentialParams {
                    username: Some(user.to_owned()),
                    password: Some(Secret::new("found")),
                    ..CredentialParams::default()
                }))
            })
        }
    }

    async fn lookup(configs: &[&str], stores: Vec<Fake>) -> Result<Option<(String, String)>, Error> {
        let configs = configs.iter().map(|text| toml::from_str(text).unwrap()).collect();
        let stores = stores.into_iter().map(|fake| Arc::new(fake) as Arc<dyn CredentialStore>).collect();
        let found = CredentialResolver::new(configs, stores).lookup().await?;
        Ok(found.map(|found| {
            (
                found.username.unwrap_or_default(),
                found.password.unwrap_or(Secret::new("")).expose().to_owned(),
            )
        }))
    }

    fn pair(user: &str, password: &str) -> Option<(String, String)> {
        Some((user.to_owned(), password.to_owned()))
    }

    #[tokio::test]
    async fn inline_wins_over_found() {
        let stores = || vec![Fake("a", Ok(("other", "x"))), Fake("b", Ok(("k", "ann"))), Fake("c", Err(()))];
        assert_eq!(lookup(&["store_key = 'k'"], stores()).await.unwrap(), pair("ann", "found"));
        assert_eq!(lookup(&["store_key = 'k'\npass = 'own'"], stores()).await.unwrap(), pair("ann", "own"));
        assert_eq!(lookup(&["user = 'bob'"], vec![]).await.unwrap(), pair("bob", ""));
        assert_eq!(lookup(&["", "user = ''"], stores()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn next_credential_steps_in() {
        let stores = vec![Fake("a", Ok(("k", "ann")))];
        assert_eq!(
            lookup(&["store_key = 'missing'", "store_key = 'k'"], stores).await.unwrap(),
            pair("ann", "found")
        );
    }

    #[tokio::test]
    async fn missing_key_names_it_and_who_was_asked() {
        let stores = vec![Fake("a", Ok(("x", "y"))), Fake("b", Ok(("x", "y")))];
        let error = lookup(&["store_key = 'k'\nuser = 'canary'"], stores).await.unwrap_err();
        assert_eq!(error.to_string(), "credential `k` is in none of the credential stores: `a`, `b`");
        assert_eq!((error.category(), error.code()), (Category::Misconfiguration, "MISSING_CREDENTIALS"));
        let error = lookup(&["store_key = 'k'"], vec![]).await.unwrap_err();
        assert_eq!((error.category(), error.code()), (Category::Internal, "REF_ERROR"));
        let error = lookup(&["store_key = 'k'"], vec![Fake("a", Err(()))]).await.unwrap_err();
        assert_eq!(error.chain(), "credential store `a` failed to look up credential `k`: no such file");
    }

    #[tokio::test]
    async fn store_that_only_reads_says_so() {
        let error = Fake("a", Err(())).store("k", None).await.unwrap_err();
        assert_eq!((error.category(), error.code()), (Category::Unsupported, "UNSUPPORTED"));
        assert_eq!(error.to_string(), "credential store `a` is read-only: credential `k` cannot be stored");
    }
}
