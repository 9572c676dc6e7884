//! All metrics of a service as text.

use std::sync::{Arc, Mutex, PoisonError};

use super::format::TextFormat;
use super::table::MetricTable;
use super::text::Encoder;
use crate::component::ServiceView;
use crate::count::{Cell, CounterSink};

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

/// All of which the text is made.
pub(super) struct Metrics {
    table: MetricTable,
    /// The service whose states are shown; none before it opens.
    service: Mutex<Option<ServiceView>>,
}

impl Metrics {
    /// Without counters; a metric has at most so many series.
    pub fn new(max_series: usize) -> Self {
        Self { table: MetricTable::new(max_series), service: Mutex::default() }
    }

    /// Shows the states of this service too.
    pub fn observe(&self, service: ServiceView) {
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Some(service);
    }

    fn service(&self) -> Option<ServiceView> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CounterSink for Metrics {
    fn register(&self, cell: Arc<Cell>) {
        self.table.register(cell);
    }
}

impl Exposition for Metrics {
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
