//! The counters of all components as metrics.

use std::sync::Arc;

use super::config::PrometheusCountersConfig;
use super::exposition::{Exposition, Metrics};
use super::format::TextFormat;
use super::push::{PrometheusReferences, Push};
use crate::component::{Component, Context, Descriptor, Flow, Offer, Stage};
use crate::config::Invalid;
use crate::count::{Cell, CounterSink};
use crate::error::Error;
use crate::{offers, register};

/// Takes the counters of all components and writes them as metrics for Prometheus, `pip-services:counters:prometheus:*:1.0`.
///
/// A counter `mqtt.publish.sent` is the metric `wirework_mqtt_publish_sent_total` with the label `component="connection:mqtt:default"`;
/// timings are histograms in seconds, other statistics summaries. Beside them are the states of all components, whether the service is
/// ready, log records by level, and what the process and its runtime take.
///
/// With `push_enabled` it sends them to a [Pushgateway](https://github.com/prometheus/pushgateway), for a service that ends before
/// it is scraped: by `PUT` to `/metrics/job/SOURCE/instance/INSTANCE`, regularly, and at the close, within its time. A push that fails is not
/// repeated before the next is due, which has all that the failed one had; meanwhile the component is `Recovering`. It counts
/// `prometheus.push.sent` and `prometheus.push.failed`.
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
pub struct PrometheusCounters {
    metrics: Arc<Metrics>,
    /// Where there is somebody to push to.
    push: Option<Push>,
}

crate::opaque::opaque!(PrometheusCounters);

impl PrometheusCounters {
    /// A sink with these limits, which has not been shown a counter yet. It pushes nothing: that is for a component of a service.
    #[must_use]
    pub fn new(config: &PrometheusCountersConfig) -> Self {
        Self { metrics: Arc::new(Metrics::new(config.options.max_series)), push: None }
    }
}

impl CounterSink for PrometheusCounters {
    fn register(&self, cell: Arc<Cell>) {
        self.metrics.register(cell);
    }
}

impl Exposition for PrometheusCounters {
    fn text(&self, format: TextFormat) -> String {
        self.metrics.text(format)
    }
}

impl Component for PrometheusCounters {
    const DESCRIPTOR: &'static str = "pip-services:counters:prometheus:*:1.0";
    const SUMMARY: &'static str = "Takes counters as metrics for Prometheus, for a metrics-controller that shows them, or for a Pushgateway.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink, dyn Exposition];
    const STAGE: Stage = Stage::Observe;
    type Config = PrometheusCountersConfig;
    type References = PrometheusReferences;

    fn validate(_: &Descriptor, config: &PrometheusCountersConfig) -> Vec<Invalid> {
        let mut found = config.invalid();
        found.extend(config.target().tls_problems());
        found.extend(config.warnings());
        found
    }

    fn flows(_: &Descriptor, config: &PrometheusCountersConfig) -> Vec<Flow> {
        if config.push_enabled {
            return ["discovery", "credentials"].map(Flow::LooksUp).into();
        }
        ["counters", "discovery", "credentials"].map(Flow::Unused).into()
    }

    fn create(
        _: &Descriptor,
        config: PrometheusCountersConfig,
        references: PrometheusReferences,
    ) -> Result<Self, Error> {
        Invalid::none(config.invalid())?;
        let sink = Self::new(&config);
        // No component is among those that its own reference finds.
        references.counters.bind(vec![Arc::clone(&sink.metrics) as Arc<dyn CounterSink>]);
        let push = config.push_enabled.then(|| Push::new(config, references));
        Ok(Self { push, ..sink })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.metrics.observe(context.service().clone());
        if let Some(push) = &self.push {
            push.open(Arc::clone(&self.metrics), context).await;
        }
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        if let Some(push) = &self.push {
            push.close(context).await;
        }
        Ok(())
    }
}
register!(PrometheusCounters);
