//! The counters that are written to the log.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::cell::Cell;
use super::set::CounterSet;
use super::sink::CounterSink;
use super::value::{Sample, Value};
use crate::component::{Component, Context, Descriptor, Offer};
use crate::config::Millis;
use crate::log::Logger;
use crate::{Error, offers, references, register};

/// The configuration of [`LogCounters`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogCountersConfig {
    /// How often the counters are written, when any has changed; 0: only at the close.
    pub interval: Millis,
}

impl Default for LogCountersConfig {
    fn default() -> Self {
        Self { interval: Millis(Duration::from_secs(300)) }
    }
}

references! {
    /// What [`LogCounters`] needs.
    pub struct LogCountersReferences {
        /// Where the counters are written.
        pub logger: Logger = "*:logger:*:*:1.0",
    }
}

crate::opaque::opaque!(LogCountersReferences);

/// Writes all counters to the log at `info`, a line each in the order of their names: regularly, if any has changed
/// since, and at the close. What never happened is left out.
#[derive(Debug)]
pub struct LogCounters {
    interval: Duration,
    report: Arc<Report>,
}

#[derive(Debug)]
struct Report {
    logger: Logger,
    set: CounterSet,
    /// What was written last.
    written: Mutex<Vec<Sample>>,
}

impl Report {
    fn write(&self) {
        // What never happened would drown what did.
        let happened = |sample: &Sample| sample.value != Value::Increment(0);
        let samples: Vec<_> = self.set.snapshot().into_iter().filter(happened).collect();
        {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let names: HashSet<_> = samples.iter().map(|sample| sample.name.as_str()).collect();
            // That others have gone is no change.
            written.retain(|sample| names.contains(sample.name.as_str()));
            if *written == samples {
                return;
            }
            written.clone_from(&samples);
        }
        for sample in samples {
            self.logger.info(format_args!("counter {sample}"));
        }
    }
}

impl LogCounters {
    /// Counters that are written with `logger`.
    #[must_use]
    pub fn new(config: &LogCountersConfig, logger: Logger) -> Self {
        let report = Report { logger, set: CounterSet::default(), written: Mutex::default() };
        Self { interval: config.interval.0, report: Arc::new(report) }
    }

    /// Writes all counters now, if any has changed since they were written last.
    pub fn write(&self) {
        self.report.write();
    }
}

impl CounterSink for LogCounters {
    fn register(&self, cell: Arc<Cell>) {
        self.report.set.register(cell);
    }
}

impl Component for LogCounters {
    const DESCRIPTOR: &'static str = "pip-services:counters:log:*:1.0";
    const SUMMARY: &'static str = "Writes counters to the log, regularly and at the close.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink];
    type Config = LogCountersConfig;
    type References = LogCountersReferences;

    fn create(
        _: &Descriptor,
        config: LogCountersConfig,
        references: LogCountersReferences,
    ) -> Result<Self, Error> {
        Ok(Self::new(&config, references.logger))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let (report, task, interval) = (Arc::clone(&self.report), context.clone(), self.interval);
        context.spawn("write counters", async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(interval) => report.write(),
                    () = task.cancelled() => return Ok(()),
                }
            }
        });
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.write();
        Ok(())
    }
}
register!(LogCounters);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Counters;
    use crate::log::testing::Listener;

    fn start(listener: &Listener, config: &str) -> (Arc<LogCounters>, Counters, Context) {
        let config = serde_json::from_str(config).unwrap();
        let sink = Arc::new(LogCounters::new(&config, listener.logger()));
        let counters = Counters::standalone();
        counters.bind(vec![sink.clone()]);
        (sink, counters, Context::standalone("pip-services:counters:log:default:1.0".parse().unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn counters_are_written_regularly_and_at_the_close() {
        let listener = Listener::new();
        let _listening = listener.listen();
        let (sink, counters, context) = start(&listener, r#"{"interval": "1m"}"#);
        sink.open(&context).await.unwrap();
        let (messages, queue) = (counters.increment("b.messages"), counters.last("a.queue"));
        messages.add(3);
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(listener.lines().is_empty());
        queue.set(0.5);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(listener.lines(), ["info counter a.queue: 0.5", "info counter b.messages: 3"]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(listener.lines().is_empty(), "nothing has changed");

        messages.one();
        drop((messages, queue, counters));
        context.cancel();
        sink.close(&context).await.unwrap();
        assert_eq!(listener.lines(), ["info counter a.queue: 0.5", "info counter b.messages: 4"]);
        sink.close(&context).await.unwrap();
        assert!(listener.lines().is_empty());
        assert!(context.end_tasks(Duration::from_secs(1)).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_interval_only_at_the_close() {
        let listener = Listener::new();
        let _listening = listener.listen();
        let (sink, counters, context) = start(&listener, r#"{"interval": 0}"#);
        sink.open(&context).await.unwrap();
        counters.increment("n").one();
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        assert!(listener.lines().is_empty());
        sink.close(&context).await.unwrap();
        assert_eq!(listener.lines(), ["info counter n: 1"]);
    }

    #[test]
    fn five_minutes_unless_told_otherwise() {
        let config: LogCountersConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config.interval.0, Duration::from_millis(300_000));
    }
}
