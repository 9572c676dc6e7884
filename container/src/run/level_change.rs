//! What is asked for when a log level is to be changed, and why that is refused.

use std::sync::Arc;
use std::time::Duration;

use wirework::component::{LevelTarget, TOKENS};
use wirework::config::nearest;
use wirework::log::Level;
use wirework::text::duration;
use wirework::{Category, Coded, Descriptor};

/// How many names an error proposes at most.
const PROPOSALS: usize = 3;

/// A log level for a while: what [`ServiceControl::set_level`](super::ServiceControl::set_level) does.
///
/// ```
/// use std::time::Duration;
/// use wirework::component::{LevelTarget, TOKENS};
/// use wirework::log::Level;
/// use wirework_container::run::LevelChange;
///
/// let sensor = LevelTarget::Component("acme:sensor:simulated:default:1.0".parse()?);
/// let change = LevelChange::new(sensor, Level::Debug).lasting(Duration::from_secs(60)).asked_by("the page of Ada");
/// # let _ = change;
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a change is of no effect before it is passed to `ServiceControl::set_level`"]
pub struct LevelChange {
    pub(super) target: LevelTarget,
    pub(super) level: Level,
    pub(super) lasts: Option<Duration>,
    pub(super) asked_by: Arc<str>,
}

impl LevelChange {
    /// How long a level holds where nothing else is asked for.
    pub const DEFAULT_TIME: Duration = Duration::from_secs(15 * 60);

    /// How long a level may hold that goes back by itself.
    pub const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// This level, for [`DEFAULT_TIME`](Self::DEFAULT_TIME), asked for by the program.
    pub fn new(target: LevelTarget, level: Level) -> Self {
        Self { target, level, lasts: Some(Self::DEFAULT_TIME), asked_by: "the program".into() }
    }

    /// How long it holds: longer than nothing, and [`MAX_TIME`](Self::MAX_TIME) at most.
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasts = Some(time);
        self
    }

    /// It holds until it is taken back, or the service ends.
    pub fn until_reset(mut self) -> Self {
        self.lasts = None;
        self
    }

    /// Who asks for it, in words for the people who read the log.
    pub fn asked_by(mut self, who: impl Into<Arc<str>>) -> Self {
        self.asked_by = who.into();
        self
    }

    /// What is wrong with it whatever the service is.
    pub(super) fn check(&self) -> Result<(), LevelChangeError> {
        match self.lasts {
            _ if self.level == Level::None => Err(LevelChangeError::NoLevel),
            Some(Duration::ZERO) => Err(LevelChangeError::NoTime),
            Some(time) if time > Self::MAX_TIME => Err(LevelChangeError::TooLong { time }),
            _ => Ok(()),
        }
    }
}

/// Why a log level was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelChangeError {
    /// The service has no such component.
    #[error("the service has no component `{component}`{}", proposed(.near))]
    UnknownComponent {
        /// The name that was given.
        component: Descriptor,
        /// Components that it may be a misspelling of.
        near: Vec<Descriptor>,
    },
    /// `none`, which would silence errors too.
    #[error(
        "a service cannot be silenced while it runs: `none` is not a level to set; `fatal` shows the least"
    )]
    NoLevel,
    /// It would go back at once.
    #[error("a level has to last longer than no time, and a day at most")]
    NoTime,
    /// It would be forgotten before it goes back.
    #[error("a level cannot last {} and go back by itself; a day at most, or until it is reset", duration(*.time))]
    TooLong {
        /// The time that was given.
        time: Duration,
    },
    /// The program has a `tracing` subscriber of its own without the router of Wirework.
    #[error(
        "the levels are those of the program's own tracing subscriber; with `Router::process().layer()` in it they can be set here"
    )]
    NotRouted,
    /// The service has closed.
    #[error("the service has closed")]
    Closed,
}

impl LevelChangeError {
    /// Of a component that is not among `all`.
    pub(super) fn unknown(component: &Descriptor, all: impl Iterator<Item = Descriptor>) -> Self {
        Self::UnknownComponent { component: component.clone(), near: near(component, all) }
    }
}

impl Coded for LevelChangeError {
    fn category(&self) -> Category {
        match self {
            Self::UnknownComponent { .. } => Category::NotFound,
            Self::NoLevel | Self::NoTime | Self::TooLong { .. } => Category::BadRequest,
            Self::NotRouted | Self::Closed => Category::InvalidState,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownComponent { .. } => "UNKNOWN_COMPONENT",
            Self::NoLevel => "BAD_LEVEL",
            Self::NoTime | Self::TooLong { .. } => "BAD_VALUE",
            Self::NotRouted => "NOT_ROUTED",
            Self::Closed => "CLOSED",
        }
    }
}

/// Those that a name may be a misspelling of.
pub(super) fn near(component: &Descriptor, all: impl Iterator<Item = Descriptor>) -> Vec<Descriptor> {
    all.filter(|one| is_near(component, one)).take(PROPOSALS).collect()
}

/// Whether each token is that of the other, or may be a misspelling of it.
fn is_near(component: &Descriptor, other: &Descriptor) -> bool {
    (0..TOKENS.len()).all(|at| {
        let (one, other) = (component.token(at), other.token(at));
        one == other || nearest(one, [other]).is_some()
    })
}

pub(super) fn proposed(near: &[Descriptor]) -> String {
    let names: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, rest)) => format!("; did you mean {} or {last}?", rest.join(", ")),
    }
}
