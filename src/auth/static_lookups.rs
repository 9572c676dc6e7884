//! Credential stores as `check` asks them, before they are created.

use std::sync::Arc;

use super::{CredentialParams, CredentialStore};
use crate::component::{Flow, Neighbours, StaticLookup};
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
