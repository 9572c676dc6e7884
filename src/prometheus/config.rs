//! What can be said of the metrics in a manifest.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Invalid;

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
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let too_low = self.options.max_series == 0;
        let invalid = || Invalid::new("options.max_series", "is 0, but has to be at least 1");
        too_low.then(invalid).into_iter().collect()
    }
}
