//! The counters of all components, by the names and labels of Prometheus.

use std::sync::Arc;

use super::text::Labels;
use crate::count::{Cell, CounterSink, MetricName, SeriesTable, Values};

/// Keeps the counters that it was shown.
#[derive(Debug)]
pub(super) struct MetricTable(SeriesTable<Labels>);

impl MetricTable {
    /// Without counters; a metric has at most so many series, and one for what is too much.
    pub(super) fn new(max_series: usize) -> Self {
        Self(SeriesTable::new(max_series))
    }

    /// A copy of all values.
    pub(super) fn values(&self) -> Values<Labels> {
        self.0.values(Labels::one("component", "overflow"))
    }
}

impl CounterSink for MetricTable {
    fn register(&self, cell: Arc<Cell>) {
        let name = MetricName::of(cell.name(), cell.kind(), cell.component());
        self.0.register(cell, name);
    }
}
