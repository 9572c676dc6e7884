//! The listener that writes events to the log.

use std::error::Error as _;
use std::time::Duration;

use wirework::component::{LevelOverride, Status};
use wirework::text::{counted, duration};
use wirework::{Coded, Descriptor, Error};

use super::event::{Effect, Event, LevelEnd, Listener, StopCause};
use super::{Failure, LOG, RestartError};

/// Writes a record for each event, with `component`, `took_ms` and `code` as fields beside the text.
pub(super) struct EventLog;

impl Listener for EventLog {
    fn on(&self, event: &Event<'_>) {
        match *event {
            Event::NotStarted { failure, effect } => not_started(failure, effect),
            Event::NotClosed { failure } => failed(failure, ""),
            Event::Ready { components, took } => {
                let (took_ms, took) = (in_ms(took), duration(took));
                tracing::info!(target: LOG, components, took_ms, "ready: {} in {took}", counted(components, "component"));
            }
            Event::Health { component, status } => component.span().in_scope(|| health(status)),
            Event::LateFailure { component, error } => component.span().in_scope(|| {
                tracing::warn!(target: LOG, code = error.code(), "failed besides: {}", error.chain());
            }),
            Event::LateStop { component, reason, closed } => {
                component.span().in_scope(|| late_stop(reason, closed));
            }
            Event::StartGivenUp { signal } => tracing::info!(target: LOG, "{signal}: the start is given up"),
            Event::Draining { cause, delay } => draining(cause, delay),
            Event::LevelSet { set, lasts } => level_set(set, lasts),
            Event::LevelReset { set, end } => level_reset(set, end),
            Event::Restarting { component, components, asked_by } => {
                restarting(component, components.len(), asked_by);
            }
            Event::Restarted { component, components, took } => restarted(component, components, took),
            Event::NotRestarted { component, error } => {
                tracing::error!(target: LOG, %component, code = error.code(), "{error}{}", causes(error));
            }
            // Its end is what is logged.
            Event::Opening { .. } => {}
            Event::Opened { component, took } => {
                let (took_ms, took) = (in_ms(took), duration(took));
                tracing::info!(target: LOG, %component, took_ms, "opened {component} in {took}");
            }
            Event::Closed { component, took, opened: true } => {
                tracing::info!(target: LOG, %component, took_ms = in_ms(took), "closed {component}");
            }
            Event::Closed { component, took, opened: false } => {
                let took_ms = in_ms(took);
                tracing::debug!(target: LOG, %component, took_ms, "cleaned up after {component}, which had not opened");
            }
            Event::StillClosing { component, waited } => {
                // In whole seconds: how far behind the tick it is, nobody wants to know.
                let waited = duration(Duration::from_secs(waited.as_secs()));
                tracing::warn!(target: LOG, %component, "still closing {component} after {waited}");
            }
            Event::TasksAborted { component, tasks } => {
                tracing::debug!(target: LOG, %component, "tasks of {component} were aborted: {}", tasks.join(", "));
            }
        }
    }
}

fn late_stop(reason: &Error, closed: bool) {
    let what =
        if closed { "asks to stop the service, which has closed" } else { "asks to stop the service too" };
    tracing::error!(target: LOG, code = reason.code(), "{what}: {}", reason.chain());
}

fn restarting(component: &Descriptor, components: usize, asked_by: &str) {
    let others = components.saturating_sub(1);
    let with =
        if others == 0 { String::new() } else { format!(" with {}", counted(others, "other component")) };
    tracing::info!(target: LOG, %component, asked_by, "restarting {component}{with}");
}

fn restarted(component: &Descriptor, components: usize, took: Duration) {
    let (took_ms, took) = (in_ms(took), duration(took));
    tracing::info!(target: LOG, %component, components, took_ms, "restarted {component} in {took}");
}

/// The causes of an error, behind what it says itself.
fn causes(error: &RestartError) -> String {
    error.source().map(|cause| format!(": {}", wirework::chain(cause))).unwrap_or_default()
}

fn not_started(failure: &Failure, effect: Effect) {
    failed(
        failure,
        match effect {
            Effect::StartFails => "",
            Effect::NotCritical => ", which is not critical",
            Effect::StartHadFailed => " either",
            Effect::NotRestarted => " anew",
        },
    );
}

/// A failure with its code; `remark` comes behind the name of the component.
fn failed(failure: &Failure, remark: &str) {
    let (component, code) = (&failure.component, failure.source.code());
    tracing::error!(target: LOG, %component, code, "{failure}{remark}: {}", failure.source.chain());
}

fn health(status: &Status) {
    match status {
        Status::Failed(error) => {
            tracing::error!(target: LOG, code = error.code(), "failed: {}", error.chain())
        }
        Status::Recovering(reason) => tracing::warn!(target: LOG, "recovering: {reason}"),
        _ => tracing::info!(target: LOG, "open again"),
    }
}

fn draining(cause: StopCause<'_>, delay: Duration) {
    let (why, then) = match cause {
        StopCause::Signal(signal) => (signal, "closing"),
        StopCause::AskedToStop => ("asked to stop", "closing"),
        StopCause::Asked => ("asked to drain", "taking no new work"),
        StopCause::Failure(failure) => {
            let (component, code, why) = (&failure.component, failure.source.code(), failure.source.chain());
            tracing::error!(target: LOG, %component, code, "{component} stops the service: {why}");
            return;
        }
    };
    if delay.is_zero() {
        tracing::info!(target: LOG, "{why}: {then}");
    } else {
        let (delay_ms, delay) = (in_ms(delay), duration(delay));
        tracing::info!(target: LOG, delay_ms, "{why}: not ready any more; serving for {delay}, then {then}");
    }
}

fn level_set(set: &LevelOverride, lasts: Option<Duration>) {
    let LevelOverride { target, level, asked_by, until, .. } = set;
    let (asked_by, until) =
        (&**asked_by, until.map(|until| humantime::format_rfc3339_seconds(until).to_string()));
    let lasts =
        lasts.map_or_else(|| "until it is reset".to_owned(), |time| format!("for {}", duration(time)));
    tracing::info!(target: LOG, asked_by, until, "log level of {target}: {level}, {lasts}");
}

fn level_reset(set: &LevelOverride, end: LevelEnd<'_>) {
    let (target, level) = (&set.target, set.level);
    match end {
        LevelEnd::TimeOver => {
            tracing::info!(target: LOG, "log level of {target}: as configured again, since the time for {level} is over");
        }
        LevelEnd::Reset { asked_by } => {
            tracing::info!(target: LOG, asked_by, "log level of {target}: as configured again, {level} was taken back");
        }
    }
}

/// In milliseconds, to the microsecond.
fn in_ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
