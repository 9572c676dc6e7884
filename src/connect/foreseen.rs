//! Discovery services as `check` asks them, before they are created.

use std::sync::Arc;

use super::{ConnectionParams, Discovery};
use crate::component::{Flow, Foreseen, Neighbours};
use crate::{BoxFuture, Error};

/// The discovery services that a reference leads to; one of which nobody knows what it answers never does. `None` where nobody knows
/// which there are.
pub(crate) fn foreseen(around: &dyn Neighbours, field: &str) -> Option<Vec<Arc<dyn Discovery>>> {
    let all = Foreseen::all(around, field, |flow| match flow {
        Flow::Connections(answers) => Some(answers),
        _ => None,
    });
    Some(all?.into_iter().map(|one| one as Arc<dyn Discovery>).collect())
}

impl Discovery for Foreseen<ConnectionParams> {
    fn name(&self) -> &str {
        self.name()
    }

    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        match self.answer(key) {
            Some(found) => Box::pin(std::future::ready(found)),
            None => Box::pin(std::future::pending()),
        }
    }
}
