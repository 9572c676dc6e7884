//! Whether the broker still has the session.

/// What a CONNACK says of the session, in the light of those that never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is the one that we know.
    Kept,
    /// There is one, but an earlier CONNECT was never answered: the broker may have begun it then, in place of a lost one.
    Doubtful,
    /// There was none.
    Gone,
}

impl Presence {
    pub(crate) const fn new(session_present: bool, unanswered: bool) -> Self {
        match (session_present, unanswered) {
            (false, _) => Self::Gone,
            (true, true) => Self::Doubtful,
            (true, false) => Self::Kept,
        }
    }
}

impl From<bool> for Presence {
    fn from(session_present: bool) -> Self {
        Self::new(session_present, false)
    }
}
