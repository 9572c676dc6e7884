//! What state a component is in.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// The state of a component: `Created → Opening → Open ⇄ Recovering → Closing → Closed`, or `Failed`.
///
/// The container sets the life-cycle states; a component reports `Recovering`, and `Open` when it is well again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// Made and wired, nothing done yet.
    Created,
    /// `open` is running.
    Opening,
    /// Ready for work.
    Open,
    /// Alive, but without something it needs, such as a lost connection; the text says what.
    Recovering(Arc<str>),
    /// `close` is running.
    Closing,
    /// Closed.
    Closed,
    /// Broken for good; the error says why.
    Failed(Arc<Error>),
}

impl Status {
    /// The [names](Self::name) of all states, in the order of a life.
    pub const NAMES: [&'static str; 7] =
        ["created", "opening", "open", "recovering", "closing", "closed", "failed"];

    /// `Recovering` with a reason.
    pub fn recovering(reason: impl Into<Arc<str>>) -> Self {
        Self::Recovering(reason.into())
    }

    /// `Failed` with its cause.
    #[must_use]
    pub fn failed(error: Error) -> Self {
        Self::Failed(Arc::new(error))
    }

    /// Whether the component is ready for work.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Why it is `Recovering` or `Failed`, with all causes; nothing for other states.
    ///
    /// ```
    /// use wirework::component::Status;
    /// assert_eq!(Status::recovering("no broker").reason().as_deref(), Some("no broker"));
    /// assert_eq!(Status::Open.reason(), None);
    /// ```
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Recovering(reason) => Some(reason.to_string()),
            Self::Failed(error) => Some(error.chain()),
            _ => None,
        }
    }

    /// The state's name, without a reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Recovering(_) => "recovering",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovering(reason) => write!(f, "recovering: {reason}"),
            Self::Failed(error) => write!(f, "failed: {}", error.chain()),
            _ => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    #[test]
    fn every_state_has_one_of_the_names() {
        let failed = Status::failed(Error::new(Category::Internal, "TEST", "worn out"));
        let all = [
            Status::Created,
            Status::Opening,
            Status::Open,
            Status::recovering("link lost"),
            Status::Closing,
            Status::Closed,
            failed,
        ];
        assert_eq!(all.map(|status| status.name()), Status::NAMES);
    }
}
