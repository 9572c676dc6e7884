//! The tracer that writes traced operations to the log.

use schemars::JsonSchema;
use serde::Deserialize;

use super::record::{TraceRecord, TraceSink};
use crate::component::{Component, Descriptor, Offer};
use crate::log::{Level, Logger};
use crate::{Error, offers, references, register};

/// The configuration of [`LogTracer`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogTracerConfig {
    /// The level at which operations that went well are logged; failures are logged as errors, unless it is `none`.
    #[schemars(extend("default" = "debug"))]
    pub level: Level,
}

impl Default for LogTracerConfig {
    fn default() -> Self {
        Self { level: Level::Debug }
    }
}

references! {
    /// What [`LogTracer`] needs.
    pub struct LogTracerReferences {
        /// Where it writes.
        pub logger: Logger = "*:logger:*:*:1.0",
    }
}

crate::opaque::opaque!(LogTracerReferences);

/// Writes a log line for each traced operation: `executed orders.create in 12 ms`.
#[derive(Debug)]
pub struct LogTracer {
    level: Level,
    logger: Logger,
}

impl LogTracer {
    /// A tracer that writes with `logger`.
    #[must_use]
    pub fn new(config: &LogTracerConfig, logger: Logger) -> Self {
        Self { level: config.level, logger }
    }
}

impl TraceSink for LogTracer {
    fn trace(&self, record: &TraceRecord<'_>) {
        let level = match (self.level, record.error) {
            (Level::None, _) => return,
            (_, Some(_)) => Level::Error,
            (level, None) => level,
        };
        match record.source {
            Some(source) => self.logger.log(level, record.trace_id, None, format_args!("{source} {record}")),
            None => self.logger.log(level, record.trace_id, None, format_args!("{record}")),
        }
    }
}

impl Component for LogTracer {
    const DESCRIPTOR: &'static str = "pip-services:tracer:log:*:1.0";
    const SUMMARY: &'static str = "Writes traced operations to the log.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn TraceSink];
    type Config = LogTracerConfig;
    type References = LogTracerReferences;

    fn create(
        _: &Descriptor,
        config: LogTracerConfig,
        references: LogTracerReferences,
    ) -> Result<Self, Error> {
        Ok(Self::new(&config, references.logger))
    }
}
register!(LogTracer);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::log::testing::Listener;
    use crate::trace::Tracer;

    fn trace(level: Level) -> Vec<String> {
        let listener = Listener::new();
        let tracer = Tracer::of("a:b:c:d:1.0".parse().unwrap());
        let sink = Arc::new(LogTracer::new(&LogTracerConfig { level }, listener.logger()));
        tracer.bind(vec![sink.clone()]);
        listener.during(|| {
            let quick = TraceRecord::new("orders", "create", Duration::from_millis(1));
            let failed = std::io::Error::other("refused");
            tracer.tell(&quick);
            tracer.tell(&TraceRecord { error: Some(&failed), trace_id: Some("t1"), ..quick });
        });
        listener.lines()
    }

    #[test]
    fn operations_are_logged() {
        let expected = [
            "debug a:b:c:d:1.0 executed orders.create in 1 ms",
            "error [t1] a:b:c:d:1.0 failed to execute orders.create in 1 ms: refused",
        ];
        assert_eq!(trace(LogTracerConfig::default().level), expected);
        assert_eq!(trace(Level::Trace)[0], "trace a:b:c:d:1.0 executed orders.create in 1 ms");
        assert!(trace(Level::None).is_empty());
    }
}
