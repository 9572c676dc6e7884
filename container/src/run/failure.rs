//! What goes wrong while a service starts, runs and closes.

use std::fmt;
use std::time::Duration;

use wirework::text::duration;
use wirework::{Category, Coded, Descriptor, Error};

/// A step in the life of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `create`.
    Create,
    /// `open`.
    Open,
    /// Between open and close.
    Run,
    /// `close`.
    Close,
}

impl Phase {
    /// The step as a verb: what the component did or could not do.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Run => "run",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())
    }
}

/// One component failed in one phase. `Debug` shows its causes too, on one line.
#[derive(thiserror::Error)]
#[error("cannot {phase} `{component}`")]
pub struct Failure {
    /// Which component.
    pub component: Descriptor,
    /// In which phase.
    pub phase: Phase,
    /// Why.
    pub source: Error,
}

/// Why a call of a component ended without its own word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The deadline came first.
    #[error("its `{phase}` did not end within {}", duration(*limit))]
    TimedOut {
        /// Which call.
        phase: Phase,
        /// Its deadline, from its start.
        limit: Duration,
    },
    /// The deadline came first, and the call does not give its thread back.
    #[error(
        "its `{phase}` did not end within {} and cannot be stopped, since it blocks its thread; it is left behind",
        duration(*limit)
    )]
    LeftBehind {
        /// Which call.
        phase: Phase,
        /// Its deadline, from its start.
        limit: Duration,
    },
    /// What it requires is not there.
    #[error("it requires `{needed}`, which failed")]
    NeedFailed {
        /// The component it requires.
        needed: Descriptor,
    },
    /// The service closes, and there is no time left for it.
    #[error("the time for closing was over before its turn came")]
    NoTimeLeft,
}

impl Coded for CallError {
    fn category(&self) -> Category {
        match self {
            Self::NeedFailed { .. } => Category::InvalidState,
            _ => Category::NoResponse,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } | Self::LeftBehind { .. } | Self::NoTimeLeft => "TIMEOUT",
            Self::NeedFailed { .. } => "REF_ERROR",
        }
    }
}

/// Several failures: the first is the cause, the later ones came with it or while cleaning up. `Debug` shows each on a line.
pub struct Failures {
    first: Failure,
    later: Vec<Failure>,
}

impl Failures {
    /// The failures in their order, if there is one.
    #[must_use]
    pub fn of(failures: Vec<Failure>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let first = failures.next()?;
        Some(Self { first, later: failures.collect() })
    }

    /// The cause.
    #[must_use]
    pub fn first(&self) -> &Failure {
        &self.first
    }

    /// All of them, the cause first.
    pub fn iter(&self) -> impl Iterator<Item = &Failure> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The same with those of the clean-up behind.
    #[must_use]
    pub fn followed_by(mut self, later: Option<Self>) -> Self {
        if let Some(later) = later {
            self.later.push(later.first);
            self.later.extend(later.later);
        }
        self
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}: {}", self.source.chain())
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.later.iter().try_for_each(|failure| write!(f, "\n{failure:?}"))
    }
}

/// With the category and code of the cause.
impl From<Failures> for Error {
    fn from(failures: Failures) -> Self {
        let (cause, message) = (&failures.first.source, failures.to_string());
        Self::new(cause.category(), cause.code().to_owned(), message).with_source(failures)
    }
}

impl From<Failure> for Failures {
    fn from(first: Failure) -> Self {
        Self { first, later: Vec::new() }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        match self.later.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for Failures {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.first.source)
    }
}
