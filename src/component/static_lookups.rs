//! Services that a component asks by key, as they would answer before there are any.

use std::sync::Arc;

use super::{Flow, Neighbours, StaticAnswers};
use crate::error::Error;

/// A service as it would answer.
pub(crate) struct StaticLookup<T> {
    name: String,
    /// Nothing for one of which nobody knows.
    answers: Option<StaticAnswers<T>>,
    grows: bool,
}

impl<T> StaticLookup<T> {
    /// The services that a reference resolved to; `None` where nobody knows which.
    pub(crate) fn all(
        around: &dyn Neighbours,
        field: &str,
        answers: impl Fn(&Flow) -> Option<&StaticAnswers<T>>,
    ) -> Option<Vec<Arc<Self>>> {
        let all = around.resolved(field)?.into_iter().map(|service| {
            let answers = service.flows().iter().find_map(&answers).cloned();
            let grows = answers.as_ref().is_some_and(StaticAnswers::grows) && service.is_written();
            Arc::new(Self { name: service.descriptor().to_string(), answers, grows })
        });
        Some(all.collect())
    }

    /// As errors name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it looks for what is under a key.
    pub(crate) fn looked_in(&self, key: &str) -> Option<String> {
        self.answers.as_ref()?.looked_in(key)
    }

    /// What it would answer; `None` where nobody knows.
    pub(crate) fn answer(&self, key: &str) -> Option<Result<Vec<T>, Error>> {
        let found = self.answers.as_ref()?.find(key)?;
        let may_come = self.grows && found.as_ref().is_ok_and(Vec::is_empty);
        (!may_come).then_some(found)
    }
}
