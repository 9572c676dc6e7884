//! Credential stores as `check` asks them, before they are created.

use std::sync::Arc;

use super::{CredentialConfig, CredentialParams, CredentialStore};
use crate::component::{Flow, Neighbours, StaticLookup};
use crate::config::{Invalid, code};
use crate::{BoxFuture, Error};

/// The credential stores that a reference resolves to, as `check` asks them. A store whose answer is not known before it
/// is created returns a future that never resolves. `None` if it is not known which stores there are.
pub(crate) fn static_lookups(around: &dyn Neighbours, field: &str) -> Option<Vec<Arc<dyn CredentialStore>>> {
    let all = StaticLookup::all(around, field, |flow| match flow {
        Flow::Credentials(answers) => Some(answers),
        _ => None,
    });
    Some(all?.into_iter().map(|one| one as Arc<dyn CredentialStore>).collect())
}

/// Warnings of secrets that others can read or write, of these credentials with their keys, as far as the stores that a reference
/// resolves to show it.
pub(crate) fn exposed<'c>(
    credentials: impl Iterator<Item = (String, &'c CredentialConfig)>,
    around: &dyn Neighbours,
    field: &str,
) -> Vec<Invalid> {
    let mut found = Vec::new();
    for (key, credential) in credentials {
        let Some(sought) = credential.store_key() else { continue };
        let stores = around.resolved(field).unwrap_or_default();
        let answers = stores.iter().flat_map(|store| store.flows()).filter_map(|flow| match flow {
            Flow::Credentials(answers) => Some(answers),
            _ => None,
        });
        // The first store that has it is the one that is used.
        let mut having =
            answers.filter(|answers| matches!(answers.find(sought), Some(Ok(found)) if !found.is_empty()));
        let doubts = having.next().map(|answers| answers.doubts(sought)).unwrap_or_default();
        let warning = |doubt| Invalid::warning(code::EXPOSED_SECRET, format!("{key}.store_key"), doubt);
        found.extend(doubts.into_iter().map(warning));
    }
    found
}

impl CredentialStore for StaticLookup<CredentialParams> {
    fn name(&self) -> &str {
        self.name()
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(StaticLookup::looked_in(self, key)))
    }

    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        match self.answer(key) {
            Some(found) => Box::pin(std::future::ready(found.map(|all| all.into_iter().next()))),
            None => Box::pin(std::future::pending()),
        }
    }
}
