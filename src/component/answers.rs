//! What a service that is asked by key would answer, before there is one.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

type LookedIn = dyn Fn(&str) -> String + Send + Sync;
type Doubts = dyn Fn(&str) -> Vec<String> + Send + Sync;
type Find<T> = dyn Fn(&str) -> Option<Result<Vec<T>, Error>> + Send + Sync;

/// What a discovery service or a credential store answers when it is asked by key, as far as its section, the files that it names
/// and the environment tell before it is created; see [`Flow::Connections`](super::Flow::Connections) and [`Flow::Credentials`](super::Flow::Credentials).
pub struct StaticAnswers<T> {
    find: Arc<Find<T>>,
    looked_in: Option<Arc<LookedIn>>,
    doubts: Option<Arc<Doubts>>,
    place: fn(&str) -> String,
    grows: bool,
}

impl<T> StaticAnswers<T> {
    /// Answers with what `find` finds under a key, an empty list where there is nothing; `None` where nobody can know.
    pub fn new(find: impl Fn(&str) -> Option<Result<Vec<T>, Error>> + Send + Sync + 'static) -> Self {
        Self { find: Arc::new(find), looked_in: None, doubts: None, place: |_| String::new(), grows: false }
    }

    /// The same where `place` tells the key of the section under which it lists what it answers.
    #[must_use]
    pub fn listed_at(self, place: fn(&str) -> String) -> Self {
        Self { place, ..self }
    }

    /// The same where `place` tells where what is under a key was sought, such as in which environment variable, in words that show
    /// no value of the section.
    #[must_use]
    pub fn sought_in(self, place: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { looked_in: Some(Arc::new(place)), ..self }
    }

    /// The same where `doubts` tells what is to be warned of in what is under a key, such as files that others can read: each goes on a
    /// sentence that begins with the key of whoever asks, and shows no value of the section.
    #[must_use]
    pub fn doubted_for(self, doubts: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Self {
        Self { doubts: Some(Arc::new(doubts)), ..self }
    }

    /// The same for a service to which components may add while it runs: what is not there yet may come.
    #[must_use]
    pub fn growing(self) -> Self {
        Self { grows: true, ..self }
    }

    /// What is found under a key; `None` where nobody can know.
    ///
    /// # Errors
    /// As the service would fail.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Result<Vec<T>, Error>> {
        (self.find)(key)
    }

    /// Where what is under a key was sought, as far as the service says so.
    #[must_use]
    pub fn looked_in(&self, key: &str) -> Option<String> {
        self.looked_in.as_ref().map(|place| place(key))
    }

    /// What is to be warned of in what is under a key.
    #[must_use]
    pub fn doubts(&self, key: &str) -> Vec<String> {
        self.doubts.as_ref().map_or_else(Vec::new, |doubts| doubts(key))
    }

    /// The key of the section that lists what is found under `key`, such as `connections.mqtt`.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        (self.place)(key)
    }

    /// Whether components may add to it.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.grows
    }
}

impl<T> Clone for StaticAnswers<T> {
    fn clone(&self) -> Self {
        Self {
            find: Arc::clone(&self.find),
            looked_in: self.looked_in.clone(),
            doubts: self.doubts.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for StaticAnswers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticAnswers").field("grows", &self.grows).finish_non_exhaustive()
    }
}
