//! The configuration of a connection to a collector.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::CredentialConfig;
use crate::config::Millis;
use crate::connect::ConnectionConfig;
use crate::tls::TlsConfig;

/// The configuration of [`OtlpConnection`](super::OtlpConnection). What it leaves out is taken from the variables `OTEL_*` of
/// OpenTelemetry.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConnectionConfig {
    /// The collector: protocol `http` or `https`, port 4318 unless told; `/v1/logs` and so on are put behind the path of a URI. When
    /// not given: `OTEL_EXPORTER_OTLP_ENDPOINT` and the variables of single signals, or else `http://localhost:4318`.
    pub connection: Option<ConnectionConfig>,
    /// Several collectors, tried in their order until one can be connected to.
    pub connections: Option<Vec<ConnectionConfig>>,
    /// What the collector lets this service in by: `parameters` are headers of each request, such as an API key, and `username` and
    /// `password` the header `Authorization` (Basic). When not given: `OTEL_EXPORTER_OTLP_HEADERS`.
    pub credential: Option<CredentialConfig>,
    /// The same several times; the first that is found counts.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// Attributes of all that is sent, by name, such as `deployment.environment.name`; no secrets, since messages show them.
    /// `service.name` is the name of the service in the manifest, `service.version` what its program says, and `service.instance.id` host and process, where they are not given here. Those of
    /// `OTEL_RESOURCE_ATTRIBUTES` are added.
    #[schemars(extend("x-shown" = true))]
    pub resource: BTreeMap<String, String>,
    /// Trust, and the certificate of this client, for `https`.
    pub tls: TlsConfig,
    /// Limits and times.
    pub options: OtlpOptions,
}

/// Limits and times of [`OtlpConnectionConfig`]. Logs, metrics and traces have a queue each, with these limits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpOptions {
    /// How long one request may take, from connecting to the end of the answer. When not given: `OTEL_EXPORTER_OTLP_TIMEOUT`, or else
    /// `10s`.
    pub timeout: Option<Millis>,
    /// How the body of requests is compressed. When not given: `OTEL_EXPORTER_OTLP_COMPRESSION`, or else `gzip`.
    pub compression: Option<Compression>,
    /// How many records may wait: log records, data points of metrics, or spans.
    pub max_queued_records: usize,
    /// How many bytes may wait, as they are sent and before they are compressed.
    pub max_queued_bytes: usize,
    /// What is dropped, and counted, where there is no room.
    pub overflow: Overflow,
    /// How many records one request has at most.
    pub batch_records: usize,
    /// How many bytes one request has at most, before they are compressed; a record that is larger goes alone.
    pub batch_bytes: usize,
    /// How long a record waits for others to be sent with.
    pub batch_delay: Millis,
    /// The longest first wait before a batch is sent again; it doubles from one to the next.
    pub retry_delay: Millis,
    /// The longest wait before a batch is sent again, unless the collector asks for a longer one by `Retry-After`.
    pub max_retry_delay: Millis,
    /// For how long a batch is sent again before it is dropped.
    pub retry_timeout: Millis,
    /// How long closing waits for what is left to be sent, where the deadline of the service leaves so much.
    pub close_timeout: Millis,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            compression: None,
            max_queued_records: 10_000,
            max_queued_bytes: 8 * 1024 * 1024,
            overflow: Overflow::DropOldest,
            batch_records: 1_000,
            batch_bytes: 1024 * 1024,
            batch_delay: Millis::new(1_000),
            retry_delay: Millis::new(1_000),
            max_retry_delay: Millis::new(30_000),
            retry_timeout: Millis::new(300_000),
            close_timeout: Millis::new(5_000),
        }
    }
}

/// How the body of requests is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// By gzip.
    Gzip,
    /// Not at all.
    None,
}

/// What is dropped where there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// What has waited longest.
    #[default]
    DropOldest,
    /// What comes.
    DropNewest,
}
