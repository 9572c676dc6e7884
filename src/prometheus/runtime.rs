//! What tokio says of the runtime that answers.

use std::time::Duration;

use tokio::runtime::Handle;

use super::text::{Encoder, MetricType};

impl Encoder {
    /// Writes the numbers of the runtime on which it is called; nothing outside of one.
    pub(super) fn runtime(&mut self) {
        let Ok(handle) = Handle::try_current() else { return };
        let metrics = handle.metrics();
        let workers = metrics.num_workers();
        self.single("wirework_runtime_workers", MetricType::Gauge, "Worker threads of the runtime.", workers);
        let tasks = metrics.num_alive_tasks();
        self.single("wirework_runtime_tasks", MetricType::Gauge, "Tasks that have not ended.", tasks);
        let waiting = metrics.global_queue_depth();
        let help = "Tasks that wait for a worker, but for those that a worker has taken.";
        self.single("wirework_runtime_queued_tasks", MetricType::Gauge, help, waiting);
        let busy: Duration = (0..workers).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
        let help = "Time in which workers ran tasks, of all workers together.";
        self.single("wirework_runtime_busy_seconds", MetricType::Counter, help, busy.as_secs_f64());
    }
}
