//! What a service says of itself at one moment.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, from_value};

use crate::cli::operate::{AskError, Target};
use crate::cli::output::complain;

/// What of its API is asked for.
const PATHS: [&str; 4] = ["service", "components", "counters", "process"];

/// The counters of what comes in, by how their names end.
const RECEIVED: [&str; 3] = [".message.received", ".received_messages", "http.request.count"];
/// Of what goes out.
const SENT: [&str; 5] =
    [".publish.sent", ".sent_messages", ".forwarded_messages", "otlp.logs.sent", "otlp.metrics.sent"];
/// Of what was lost or went wrong.
const FAILED: [&str; 7] = [
    ".failed",
    ".dropped",
    ".rejected",
    ".failed_messages",
    ".dead_messages",
    ".malformed_messages",
    ".looped_messages",
];
/// The values of what is under way.
const WAITING: [&str; 4] = [".publish.in_flight", ".queued", ".waiting_messages", "http.connection.open"];

/// A service at one moment.
pub(super) struct Sample {
    pub at: Instant,
    pub service: ServiceState,
    pub process: Process,
    /// In the order of the manifest.
    pub components: Vec<ComponentState>,
    traffic: HashMap<String, Traffic>,
}

#[derive(Deserialize)]
pub(super) struct ServiceState {
    pub name: String,
    pub state: String,
    pub readiness: String,
    pub uptime_ms: u64,
    pub pid: u32,
}

#[derive(Deserialize)]
pub(super) struct Process {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
}

#[derive(Clone, Deserialize)]
pub(super) struct ComponentState {
    pub descriptor: String,
    pub state: String,
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Components {
    components: Vec<ComponentState>,
}

#[derive(Deserialize)]
struct AllCounters {
    components: Vec<CountersOf>,
}

#[derive(Deserialize)]
struct CountersOf {
    descriptor: String,
    counters: Vec<Counter>,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    count: Option<u64>,
    last: Option<f64>,
}

/// What a component has counted since it was created; `None` where it counts no such thing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Traffic {
    pub received: Option<u64>,
    pub sent: Option<u64>,
    pub failed: Option<u64>,
    pub waiting: Option<u64>,
}

impl Traffic {
    fn of(counters: &[Counter]) -> Self {
        let counted = |names: &[&str]| {
            let counts = counters.iter().filter(|one| names.iter().any(|name| one.name.ends_with(name)));
            counts
                .filter_map(|one| one.count.or(one.last.map(|last| last as u64)))
                .reduce(u64::saturating_add)
        };
        Self {
            received: counted(&RECEIVED),
            sent: counted(&SENT),
            failed: counted(&FAILED),
            waiting: counted(&WAITING),
        }
    }
}

/// Why a service is not known at this moment.
#[derive(Debug, thiserror::Error)]
pub(super) enum SampleError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the service answers in another form than this version knows")]
    UnknownForm(#[source] serde_json::Error),
}

impl SampleError {
    /// Says it on stderr, and returns the exit code.
    pub fn complain(&self) -> ExitCode {
        complain(format_args!("error: {}", wirework::chain(self)));
        ExitCode::FAILURE
    }
}

impl Sample {
    /// Asks the service.
    pub fn take(target: &Target) -> Result<Self, SampleError> {
        let mut answers = [Value::Null, Value::Null, Value::Null, Value::Null];
        for (answer, path) in answers.iter_mut().zip(PATHS) {
            *answer = target.asked(path)?;
        }
        Self::of(Instant::now(), answers).map_err(SampleError::UnknownForm)
    }

    /// Of what a service has answered to each of [`PATHS`].
    pub fn of(at: Instant, answers: [Value; PATHS.len()]) -> Result<Self, serde_json::Error> {
        let [service, components, counters, process] = answers;
        let Components { components } = from_value(components)?;
        let AllCounters { components: counted } = from_value(counters)?;
        let traffic = counted.iter().map(|one| (one.descriptor.clone(), Traffic::of(&one.counters)));
        let traffic = traffic.collect();
        Ok(Self { at, service: from_value(service)?, process: from_value(process)?, components, traffic })
    }

    /// What a component has counted.
    pub fn traffic(&self, descriptor: &str) -> Traffic {
        self.traffic.get(descriptor).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_apart_by_their_names() {
        let counter = |name: &str, count| Counter { name: name.into(), count, last: None };
        let mut counters = vec![
            counter("mqtt.message.received", Some(7)),
            counter("mqtt.publish.sent", Some(3)),
            counter("mqtt.publish.failed", Some(1)),
            counter("mqtt.message.dropped", Some(2)),
            counter("mqtt.publish.acknowledged", Some(9)),
        ];
        counters.push(Counter { name: "mqtt.publish.in_flight".into(), count: None, last: Some(4.0) });
        let expected = Traffic { received: Some(7), sent: Some(3), failed: Some(3), waiting: Some(4) };
        assert_eq!(Traffic::of(&counters), expected);
        let depth = |name: &str, last| Counter { name: name.into(), count: None, last: Some(last) };
        let queues = [
            counter("queue.a.sent_messages", Some(1)),
            counter("queue.b.sent_messages", Some(2)),
            depth("queue.a.waiting_messages", 5.0),
            depth("queue.b.waiting_messages", 6.0),
            depth("queue.b.leased_messages", 7.0),
        ];
        let expected = Traffic { sent: Some(3), waiting: Some(11), ..Traffic::default() };
        assert_eq!(Traffic::of(&queues), expected);
        assert_eq!(Traffic::of(&[]), Traffic::default());
    }
}
