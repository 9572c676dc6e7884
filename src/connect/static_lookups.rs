//! Discovery services as `check` asks them, before they are created.

use std::sync::Arc;

use super::{ConnectionParams, Discovery};
use crate::component::{Flow, Neighbours, StaticLookup};
use crate::{BoxFuture, Error};

/// The discovery services that a reference resolves to, as `check` asks them. A service whose answer is not known before
/// it is created returns a future that never resolves. `None` if it is not known which services there are.
pub(crate) fn static_lookups(around: &dyn Neighbours, field: &str) -> Option<Vec<Arc<dyn Discovery>>> {
    let all = StaticLookup::all(around, field, |flow| match flow {
        Flow::Connections(answers) => Some(answers),
        _ => None,
    });
    Some(all?.into_iter().map(|one| one as Arc<dyn Discovery>).collect())
}

impl Discovery for StaticLookup<ConnectionParams> {
    fn name(&self) -> &str {
        self.name()
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(StaticLookup::looked_in(self, key)))
    }

    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        match self.answer(key) {
            Some(found) => Box::pin(std::future::ready(found)),
            None => Box::pin(std::future::pending()),
        }
    }
}
