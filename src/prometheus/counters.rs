//! The counters of all components as metrics.

use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::TextFormat;
use super::table::MetricTable;
use super::text::Encoder;
use crate::component::{Component, Context, Descriptor, Offer, ServiceView, Stage};
use crate::config::Invalid;
use crate::count::{Cell, CounterSink};
use crate::error::Error;
use crate::{offers, register};

/// Whoever can write metrics as text; what a [`MetricsController`](super::MetricsController) shows.
///
/// ```
/// use wirework::prometheus::{Exposition, TextFormat};
/// struct Fixed;
/// impl Exposition for Fixed {
///     fn text(&self, _: TextFormat) -> String { "# TYPE up gauge\nup 1\n".to_owned() }
/// }
/// ```
pub trait Exposition: Send + Sync + 'static {
    /// All metrics at this time. It may read files, and is called where that may take its time.
    fn text(&self, format: TextFormat) -> String;
}

crate::capability!(dyn Exposition);

/// The configuration of [`PrometheusCounters`](super::PrometheusCounters).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusCountersConfig {
    /// Limits.
    pub options: PrometheusOptions,
}

/// The limits of [`PrometheusCountersConfig`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusOptions {
    /// How many series a metric of counters may have, such as those of queues that are made at run time. Counters above that are added
    /// up in one series with the label `component="overflow"`, and `wirework_metrics_overflowed_counters_total` says how many they
    /// were. At least 1.
    pub max_series: usize,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self { max_series: 2_000 }
    }
}

impl PrometheusCountersConfig {
    /// The keys whose values do not work.
    fn invalid(&self) -> Vec<Invalid> {
        let too_low = self.options.max_series == 0;
        let invalid = || Invalid::new("options.max_series", "is 0, but has to be at least 1");
        too_low.then(invalid).into_iter().collect()
    }
}

/// Takes the counters of all components and writes them as metrics for Prometheus, `pip-services:counters:prometheus:*:1.0`.
///
/// A counter `mqtt.publish.sent` is the metric `wirework_mqtt_publish_sent_total` with the label `component="connection:mqtt:default"`;
/// timings are histograms in seconds, other statistics summaries. Beside them are the states of all components, whether the service is
/// ready, log records by level, and what the process and its runtime take.
///
/// ```
/// use std::sync::Arc;
/// use wirework::count::Counters;
/// use wirework::prometheus::{Exposition, PrometheusCounters, PrometheusCountersConfig, TextFormat};
/// let metrics = Arc::new(PrometheusCounters::new(&PrometheusCountersConfig::default()));
/// let counters = Counters::standalone();
/// counters.bind(vec![metrics.clone()]);
/// counters.increment("orders.taken").one();
/// assert!(metrics.text(TextFormat::Text).contains("\nwirework_orders_taken_total 1\n"));
/// ```
#[derive(Debug)]
pub struct PrometheusCounters {
    table: MetricTable,
    /// That of which it was opened.
    service: Mutex<Option<ServiceView>>,
}

impl PrometheusCounters {
    /// A sink with these limits, which has not been shown a counter yet.
    #[must_use]
    pub fn new(config: &PrometheusCountersConfig) -> Self {
        Self { table: MetricTable::new(config.options.max_series), service: Mutex::default() }
    }

    fn service(&self) -> Option<ServiceView> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CounterSink for PrometheusCounters {
    fn register(&self, cell: Arc<Cell>) {
        self.table.register(cell);
    }
}

impl Exposition for PrometheusCounters {
    fn text(&self, format: TextFormat) -> String {
        let mut encoder = Encoder::new(format);
        // Those with fixed names first: no counter can take one of them.
        encoder.process();
        encoder.runtime();
        encoder.log();
        if let Some(service) = self.service() {
            encoder.service(&service);
        }
        encoder.counters(&self.table.values());
        encoder.finish()
    }
}

impl Component for PrometheusCounters {
    const DESCRIPTOR: &'static str = "pip-services:counters:prometheus:*:1.0";
    const SUMMARY: &'static str =
        "Takes counters as metrics for Prometheus; a metrics-controller shows them.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink, dyn Exposition];
    const STAGE: Stage = Stage::Observe;
    type Config = PrometheusCountersConfig;
    type References = ();

    fn validate(_: &Descriptor, config: &PrometheusCountersConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn create(_: &Descriptor, config: PrometheusCountersConfig, (): ()) -> Result<Self, Error> {
        Invalid::none(config.invalid())?;
        Ok(Self::new(&config))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let service = context.service().clone();
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Some(service);
        Ok(())
    }
}
register!(PrometheusCounters);
