//! A service inside a program that has a `main` and a runtime of its own.

use std::fmt;

use tokio::runtime::Handle;
use wirework::component::RegistryError;
use wirework::config::{Problems, Severity};
use wirework::log::Router;
use wirework::{Category, Coded, Error, chain};

use crate::manifest::{Files, render};
use crate::plan::plan_apart;
use crate::program::{Program, Sources};
use crate::run::{Container, Failures, LOG, Started};

/// Why [`Host::start`](super::Host::start) did not start a service. `Debug` shows the text and all causes as people read them, since that is what
/// a `main` that returns a boxed error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A factory is malformed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A factory panicked while the manifest was checked, or the runtime ended.
    #[error("the manifest could not be checked")]
    Check(#[source] Error),
    /// The manifest has errors; the text is what `check` prints.
    #[error("the manifest has problems\n\n{0}")]
    Manifest(String),
    /// A component could not be created or opened; those that were open have been closed.
    #[error("the service did not start")]
    Start(#[source] Failures),
    /// A component asked the service to stop before it was open.
    #[error("the service was stopped while it started")]
    Stopped,
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The excerpts have lines, and are escaped where they are made.
            Self::Manifest(_) => write!(f, "{self}"),
            _ => f.write_str(&chain(self)),
        }
    }
}

impl Coded for StartError {
    fn category(&self) -> Category {
        match self {
            Self::Check(error) => error.category(),
            Self::Registry(_) | Self::Manifest(_) => Category::Misconfiguration,
            Self::Start(failures) => failures.first().source.category(),
            Self::Stopped => Category::InvalidState,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Check(_) => "CANNOT_CHECK",
            Self::Manifest(_) => wirework::config::code::BAD_CONFIG,
            Self::Start(_) => "CANNOT_START",
            Self::Stopped => "STOPPED",
        }
    }
}

/// See [`Host::start`](super::Host::start).
pub(super) async fn start(program: Program) -> Result<Container, StartError> {
    let (events, on_start) = (program.events().clone(), program.on_start().clone());
    let check = move || {
        let registry = program.registry().map_err(Clone::clone)?;
        Ok::<_, RegistryError>(Sources { in_code: true, ..Sources::default() }.check(
            &program,
            registry,
            Severity::Error,
        ))
    };
    let (plan, problems) = plan_apart(check).await.map_err(StartError::Check)??;
    if problems.has_errors() {
        return Err(StartError::Manifest(render(&problems, &plan.files, false)));
    }
    // Where the program has a subscriber of its own, that takes what is logged.
    let router = Router::install().ok();
    warn(&problems, &plan.files);
    let started =
        Container::start_observed(plan, router, Handle::current(), events, std::future::pending()).await;
    match started {
        Ok(Started::Ready(mut container)) => {
            container.begin(&on_start);
            Ok(container)
        }
        Ok(Started::Stopped(Some(failures))) | Err(failures) => Err(StartError::Start(failures)),
        Ok(Started::Stopped(None)) => Err(StartError::Stopped),
    }
}

/// Says the warnings of a manifest that can be run.
fn warn(problems: &Problems, files: &Files) {
    for problem in problems.iter() {
        let place = files.locate(problem.span);
        let place = place.map(|place| format!("{}:{}:{}: ", place.path.display(), place.line, place.column));
        tracing::warn!(target: LOG, code = problem.code, "{}{problem}", place.unwrap_or_default());
    }
}
