//! What is sent: log records, metrics or spans.

/// One of the kinds of telemetry, each with an address and a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Log records.
    Logs,
    /// Data points of metrics.
    Metrics,
    /// Spans: operations that have ended.
    Traces,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logs, Self::Metrics, Self::Traces];

    /// Its name in paths, such as `logs`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        }
    }

    /// Its name in variables, such as `LOGS`.
    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::Logs => "LOGS",
            Self::Metrics => "METRICS",
            Self::Traces => "TRACES",
        }
    }

    /// What several of it are.
    pub(super) const fn records(self) -> &'static str {
        match self {
            Self::Logs => "log records",
            Self::Metrics => "data points",
            Self::Traces => "spans",
        }
    }

    /// Where it is sent, below the address of a collector.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
        }
    }
}
