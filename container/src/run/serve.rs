//! A whole run of a service: start, wait, close.

use std::cell::Cell;
use std::convert::Infallible;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use wirework::Coded;
use wirework::log::{Console, InstallError, Router};
use wirework::text::counted;

use super::console::{LAST_FLUSH, format};
use super::event::{Event, StopCause};
use super::events::Events;
use super::systemd::Systemd;
use super::{Container, Failure, Failures, LOG, OnStart, Signals, Started};
use crate::plan::Plan;

/// How a run ended that was not asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A component failed while the service started, and with it every one of these.
    #[error("the service did not start")]
    Start(#[source] Failures),
    /// A component stopped the service; the others were closed.
    #[error("the service was stopped by a failure")]
    Stopped {
        /// The component and its reason.
        #[source]
        cause: Failure,
        /// What could not be closed after it.
        close: Option<Failures>,
    },
    /// The service was asked to stop, but some components did not close.
    #[error("the service did not close cleanly")]
    Close(#[source] Failures),
    /// A signal came before the service was ready; what had opened was closed.
    #[error("{signal} came before the service was ready")]
    Interrupted {
        /// Which signal, such as `SIGTERM`.
        signal: &'static str,
    },
    /// The process cannot run a service.
    #[error("the system refuses threads or signal handlers")]
    System(#[source] std::io::Error),
    /// Something else takes the log records of this process.
    #[error(transparent)]
    Router(InstallError),
}

impl ServeError {
    /// Every failure behind it, the cause first.
    #[must_use]
    pub fn failures(&self) -> Vec<&Failure> {
        match self {
            Self::Start(failures) | Self::Close(failures) => failures.iter().collect(),
            Self::Stopped { cause, close } => {
                std::iter::once(cause).chain(close.iter().flat_map(Failures::iter)).collect()
            }
            Self::Interrupted { .. } | Self::System(_) | Self::Router(_) => Vec::new(),
        }
    }

    /// The code of the cause.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Start(failures) | Self::Close(failures) => failures.first().source.code(),
            Self::Stopped { cause, .. } => cause.source.code(),
            Self::Interrupted { .. } => "STOPPED",
            Self::System(_) => "SYSTEM_ERROR",
            Self::Router(error) => error.code(),
        }
    }

    /// The exit code of a process that ends with it: 128 and its number for a signal, as shells have it, and 1 for all else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { signal } => Signals::exit_code(signal),
            _ => 1,
        }
    }
}

/// Runs a plan until a signal (see [`Signals::listen`]) or a failure, then closes.
///
/// What is said on the console meanwhile waits for nobody who reads it: records that no logger takes, panics and last words go
/// through the process's [`Console`], as JSON where the manifest's console loggers write JSON. So the panic hook of the
/// process is replaced; a component that wants another one sets it when it opens.
///
/// What happens is told to `events`, and to systemd where it has started the process with a `NOTIFY_SOCKET`; what the program does beside
/// the service begins when that has started.
///
/// The components run on a runtime with several threads; the container watches them from a runtime of its own, so
/// that deadlines hold even where components block every thread of theirs.
///
/// # Errors
/// Everything but a clean end after a signal that came when the service was ready.
pub fn serve(plan: Plan, events: Events, on_start: &OnStart) -> Result<(), ServeError> {
    Console::process().set_format(format(&plan));
    Console::process().set_source(&plan.service.name);
    Console::process().take_panics();
    let router = Router::install().map_err(ServeError::Router)?;
    let signals = Signals::listen().map_err(ServeError::System)?;
    let workers = Builder::new_multi_thread().enable_all().build().map_err(ServeError::System)?;
    let control = Builder::new_current_thread().enable_all().build().map_err(ServeError::System)?;
    let systemd = Systemd::from_environment(plan.components.len());
    let events = match &systemd {
        Some(systemd) => events.and(systemd.listener()),
        None => events,
    };
    let served = async {
        let reopened = router.clone();
        tokio::select! {
            served = serve_until(plan, (router, &workers), &signals, events, on_start) => served,
            never = reopen_logs(&signals, reopened, &workers) => match never {},
            never = refuse_reloads(&signals) => match never {},
        }
    };
    let served = control.block_on(async {
        match &systemd {
            Some(systemd) => systemd.tell_while(workers.handle(), served).await,
            None => served.await,
        }
    });
    // What is left behind must not keep the process from ending.
    workers.shutdown_background();
    let _ = Console::process().flush(LAST_FLUSH);
    served
}

async fn serve_until(
    plan: Plan,
    (router, workers): (Router, &Runtime),
    signals: &Signals,
    events: Events,
    on_start: &OnStart,
) -> Result<(), ServeError> {
    let came = Cell::new(None);
    let stop = async {
        let signal = signals.first().await;
        came.set(Some(signal));
        events.tell(&Event::StartGivenUp { signal });
    };
    let (workers, listeners) = (workers.handle().clone(), events.clone());
    let mut container = match Container::start_observed(plan, Some(router), workers, listeners, stop).await {
        Ok(Started::Ready(container)) => container,
        Ok(Started::Stopped(None)) => {
            // Without a signal it was an operator who asked, and got it.
            return came.get().map_or(Ok(()), |signal| Err(ServeError::Interrupted { signal }));
        }
        Ok(Started::Stopped(Some(failures))) => return Err(ServeError::Close(failures)),
        Err(failures) => return Err(ServeError::Start(failures)),
    };
    container.begin(on_start);
    let failure = run(&container, signals).await;
    let close = container.close().await.err();
    match (failure, close) {
        (Some(cause), close) => Err(ServeError::Stopped { cause, close }),
        (None, Some(failures)) => Err(ServeError::Close(failures)),
        (None, None) => Ok(()),
    }
}

/// Has log files opened anew with each SIGUSR1. On the workers' threads for what blocks: a disk that hangs holds up neither the
/// signals nor the end of the process.
async fn reopen_logs(signals: &Signals, router: Router, workers: &Runtime) -> Infallible {
    let mut reopens = signals.reopens();
    loop {
        // The sender lives in `signals`, so that waiting cannot fail.
        let _ = reopens.changed().await;
        let router = router.clone();
        let reopened = workers.handle().spawn_blocking(move || router.reopen()).await;
        match reopened.unwrap_or_default() {
            0 => tracing::info!(target: LOG, "SIGUSR1: no logger writes a file that could be opened anew"),
            files => tracing::info!(target: LOG, "SIGUSR1: {} opened anew", counted(files, "log file")),
        }
    }
}

/// Says of each SIGHUP that it changes nothing.
async fn refuse_reloads(signals: &Signals) -> Infallible {
    let mut reloads = signals.reloads();
    loop {
        // The sender lives in `signals`, so that waiting cannot fail.
        let _ = reloads.changed().await;
        tracing::warn!(
            target: LOG,
            "SIGHUP: nothing is reloaded, and the service goes on; restart it to have it read a changed manifest"
        );
    }
}

/// Runs until the service is to close, which it has drained for; the failure that it closes for.
async fn run(container: &Container, signals: &Signals) -> Option<Failure> {
    let control = container.control();
    let cause = tokio::select! {
        biased;
        signal = signals.first() => Some(StopCause::Signal(signal)),
        () = container.stop_asked() => Some(StopCause::AskedToStop),
        _ = container.failed() => None,
    };
    if cause.is_some() {
        control.drain_for(cause).await;
    }
    // Also one that has cut the drain short.
    let failure = container.failed().now_or_never()?;
    control.drain_at_once(StopCause::Failure(&failure));
    Some(failure)
}
