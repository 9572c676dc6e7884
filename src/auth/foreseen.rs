//! Credential stores as `check` asks them, before they are created.

use std::sync::Arc;

use super::{CredentialParams, CredentialStore};
use crate::component::{Flow, Foreseen, Neighbours};
use crate::{BoxFuture, Error};

/// The credential stores that a reference leads to; one of which nobody knows what it keeps never answers. `None` where nobody knows
/// which there are.
pub(crate) fn foreseen(around: &dyn Neighbours, field: &str) -> Option<Vec<Arc<dyn CredentialStore>>> {
    let all = Foreseen::all(around, field, |flow| match flow {
        Flow::Credentials(answers) => Some(answers),
        _ => None,
    });
    Some(all?.into_iter().map(|one| one as Arc<dyn CredentialStore>).collect())
}

impl CredentialStore for Foreseen<CredentialParams> {
    fn name(&self) -> &str {
        self.name()
    }

    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        match self.answer(key) {
            Some(found) => Box::pin(std::future::ready(found.map(|all| all.into_iter().next()))),
            None => Box::pin(std::future::pending()),
        }
    }
}
