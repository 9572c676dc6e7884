//! The configuration of the metrics.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::CredentialConfig;
use crate::config::{Invalid, Millis, code};
use crate::connect::ConnectionConfig;
use crate::http_client::Target;
use crate::tls::TlsConfig;

/// Where a Pushgateway listens.
pub(super) const PORT: u16 = 9091;

/// The configuration of [`PrometheusCounters`](super::PrometheusCounters).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusCountersConfig {
    /// Whether the metrics are sent to a Pushgateway, regularly and at the close. It is for a service that ends before Prometheus has
    /// scraped it; any other is scraped.
    pub push_enabled: bool,
    /// The Pushgateway: protocol `http` or `https`, port 9091 unless told; `/metrics/job/…` is put behind the path of a URI.
    pub connection: Option<ConnectionConfig>,
    /// Several of them, tried in their order until one can be connected to.
    pub connections: Option<Vec<ConnectionConfig>>,
    /// What the Pushgateway lets this service in by: `username` and `password` are the header `Authorization` (Basic), and `parameters`
    /// further headers of each request.
    pub credential: Option<CredentialConfig>,
    /// The same several times; the first that is found counts.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// The label `job` of what is pushed. When not given: the name of the service, or else `unknown`.
    pub source: Option<String>,
    /// The label `instance` of what is pushed. When not given: the name of this machine. Two services with the same `source` and
    /// `instance` overwrite each other.
    pub instance: Option<String>,
    /// How often metrics are pushed; 0: only at the close.
    pub interval: Millis,
    /// Trust, and the certificate of this client, for `https`.
    pub tls: TlsConfig,
    /// Limits and times.
    pub options: PrometheusOptions,
}

/// The limits and times of [`PrometheusCountersConfig`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusOptions {
    /// How many series a metric of counters may have, such as those of queues that are made at run time. Counters above that are added
    /// up in one series with the label `component="overflow"`, and `wirework_metrics_overflowed_counters_total` says how many they
    /// were. At least 1.
    pub max_series: usize,
    /// How long one push may take, from looking up the Pushgateway to the end of its answer.
    pub timeout: Millis,
    /// How long closing waits for the last push, where the deadline of the service leaves so much.
    pub close_timeout: Millis,
    /// Whether what was pushed is deleted from the Pushgateway at the close, instead of a last push. A Pushgateway shows what it was
    /// sent until somebody deletes it.
    pub delete_on_close: bool,
}

impl Default for PrometheusCountersConfig {
    fn default() -> Self {
        Self {
            push_enabled: false,
            connection: None,
            connections: None,
            credential: None,
            credentials: None,
            source: None,
            instance: None,
            interval: Millis::new(60_000),
            tls: TlsConfig::default(),
            options: PrometheusOptions::default(),
        }
    }
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self {
            max_series: 2_000,
            timeout: Millis::new(10_000),
            close_timeout: Millis::new(5_000),
            delete_on_close: false,
        }
    }
}

impl PrometheusCountersConfig {
    /// The Pushgateways to which it sends.
    pub(super) fn target(&self) -> Target<'_> {
        Target {
            what: "Pushgateway",
            port: PORT,
            connection: self.connection.as_ref(),
            connections: self.connections.as_deref(),
            credential: self.credential.as_ref(),
            credentials: self.credentials.as_deref(),
            tls: &self.tls,
            other_protocol: |_| None,
        }
    }

    /// The keys whose values do not work.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let mut found = self.target().invalid();
        if self.options.max_series == 0 {
            found.push(Invalid::new("options.max_series", "is 0, but has to be at least 1"));
        }
        if self.options.timeout.0.is_zero() {
            found.push(Invalid::new("options.timeout", "is 0: no Pushgateway answers in no time"));
        }
        if self.push_enabled && self.target().connections().next().is_none() {
            let problem = format!(
                "is true, but nothing says where the Pushgateway is; give its `connection`, such as `connection.uri = \"http://localhost:{PORT}\"`"
            );
            found.push(Invalid::new("push_enabled", problem));
        }
        found
    }

    /// What works, and most likely not as it is meant.
    pub(super) fn warnings(&self) -> Vec<Invalid> {
        if self.push_enabled {
            return self.target().warnings();
        }
        let problem = "is given, but nothing is pushed; set `push_enabled` to true, or leave it out";
        let keys = self.target().connections().map(|(key, _)| key);
        keys.map(|key| Invalid::warning(code::DOUBTFUL_VALUE, key, problem)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Vec<String> {
        let config: PrometheusCountersConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
        config.invalid().into_iter().chain(config.warnings()).map(|one| one.to_string()).collect()
    }

    #[test]
    fn what_is_pushed_goes_somewhere() {
        assert_eq!(found(&[]), [""; 0]);
        assert_eq!(found(&[("push_enabled", "true"), ("connection.host", "gateway")]), [""; 0]);
        assert_eq!(found(&[("push_enabled", "true"), ("connection.discovery_key", "gateway")]), [""; 0]);
        let nowhere = found(&[("push_enabled", "true")]).join("; ");
        assert!(nowhere.starts_with("`push_enabled` is true, but nothing says where"), "{nowhere}");
        let unused = found(&[("connection.host", "gateway")]).join("; ");
        assert!(unused.starts_with("`connection` is given, but nothing is pushed"), "{unused}");
        let other = found(&[("push_enabled", "true"), ("connection.uri", "mqtt://gateway")]).join("; ");
        assert!(other.contains("such as `http://localhost:9091`"), "{other}");
        let secret = [("push_enabled", "true"), ("connection.uri", "http://u:p@gateway")];
        assert!(found(&secret).join("; ").contains("in clear; use `https`"));
    }
}
