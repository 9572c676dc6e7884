//! The counters.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use super::connection::OtlpConnection;
use super::metrics::MetricTable;
use super::queue::Queue;
use super::signal::Signal;
use crate::component::{Component, Context, Descriptor, Offer};
use crate::config::{Invalid, Millis};
use crate::count::{Cell, CounterSink};
use crate::{Error, offers, references, register};

/// The configuration of [`OtlpCounters`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpCountersConfig {
    /// How often all counters are sent; 0: only at the close.
    pub interval: Millis,
    /// Limits.
    pub options: OtlpCountersOptions,
}

/// The limits of [`OtlpCountersConfig`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpCountersOptions {
    /// How many series a metric may have, such as those of queues that are made at run time. Counters above that are added up in one
    /// series with the attribute `otel.metric.overflow`. At least 1.
    pub max_series: usize,
}

impl Default for OtlpCountersConfig {
    fn default() -> Self {
        Self { interval: Millis::new(60_000), options: OtlpCountersOptions::default() }
    }
}

impl Default for OtlpCountersOptions {
    fn default() -> Self {
        Self { max_series: 2_000 }
    }
}

impl OtlpCountersConfig {
    fn invalid(&self) -> Vec<Invalid> {
        let too_low = self.options.max_series == 0;
        let invalid = || Invalid::new("options.max_series", "is 0, but has to be at least 1");
        too_low.then(invalid).into_iter().collect()
    }
}

references! {
    /// What [`OtlpCounters`] needs.
    pub struct OtlpCountersReferences {
        /// By which it sends.
        pub connection: Arc<OtlpConnection> = "*:connection:otlp:*:1.0",
    }
}

crate::opaque::opaque!(OtlpCountersReferences);

/// Sends the counters of all components to a collector of OpenTelemetry, `pip-services:counters:otlp:*:1.0`: regularly, and at the close.
///
/// A counter `mqtt.publish.sent` is the metric `wirework.mqtt.publish.sent` with the attribute `component`, a sum since the counter
/// began; timings are histograms in seconds with the bounds of [`Buckets`](crate::count::Buckets), other statistics histograms without
/// bounds, last values and time stamps gauges.
///
/// ```
/// use std::sync::Arc;
/// use wirework::count::Counters;
/// use wirework::otlp::{OtlpConnection, OtlpConnectionConfig, OtlpCounters, OtlpCountersConfig};
/// let identity = "pip-services:connection:otlp:default:1.0".parse()?;
/// let connection = OtlpConnection::new(OtlpConnectionConfig::default(), identity)?;
/// let sink = Arc::new(OtlpCounters::new(&OtlpCountersConfig::default(), &connection));
/// let counters = Counters::standalone();
/// counters.bind(vec![sink.clone()]);
/// counters.increment("orders.taken").one();
/// sink.send();
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct OtlpCounters {
    interval: Duration,
    report: Arc<Report>,
}

crate::opaque::opaque!(OtlpCounters);

struct Report {
    table: MetricTable,
    queue: Arc<Queue>,
}

impl Report {
    fn send(&self) {
        for item in self.table.items(SystemTime::now()) {
            self.queue.push(item);
        }
    }
}

impl OtlpCounters {
    /// Counters that are sent by this connection, which is not open yet.
    #[must_use]
    pub fn new(config: &OtlpCountersConfig, connection: &OtlpConnection) -> Self {
        let table = MetricTable::new(config.options.max_series);
        let report = Report { table, queue: connection.queue(Signal::Metrics) };
        Self { interval: config.interval.0, report: Arc::new(report) }
    }

    /// Sends all counters now.
    pub fn send(&self) {
        self.report.send();
    }
}

impl CounterSink for OtlpCounters {
    fn register(&self, cell: Arc<Cell>) {
        self.report.table.register(cell);
    }
}

impl Component for OtlpCounters {
    const DESCRIPTOR: &'static str = "pip-services:counters:otlp:*:1.0";
    const SUMMARY: &'static str =
        "Sends counters to a collector of OpenTelemetry, regularly and at the close.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink];
    type Config = OtlpCountersConfig;
    type References = OtlpCountersReferences;

    fn validate(_: &Descriptor, config: &OtlpCountersConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn create(
        _: &Descriptor,
        config: OtlpCountersConfig,
        references: OtlpCountersReferences,
    ) -> Result<Self, Error> {
        Invalid::none(config.invalid())?;
        Ok(Self::new(&config, &references.connection))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let (report, task, interval) = (Arc::clone(&self.report), context.clone(), self.interval);
        context.spawn("send counters", async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(interval) => report.send(),
                    () = task.cancelled() => return Ok(()),
                }
            }
        });
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.send();
        Ok(())
    }
}
register!(OtlpCounters);
