//! What the process takes, under the names that all clients of Prometheus have for it, and its runtime.

use std::time::Duration;

use tokio::runtime::Handle;

use super::text::{Encoder, MetricType};
use crate::process::ProcessUsage;

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
        let help =
            "Tasks that wait in the queue that all workers share; a worker's own queue is not counted.";
        self.single("wirework_runtime_queued_tasks", MetricType::Gauge, help, waiting);
        let busy: Duration = (0..workers).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
        let help = "Time in which workers ran tasks, of all workers together.";
        self.single("wirework_runtime_busy_seconds", MetricType::Counter, help, busy.as_secs_f64());
    }

    /// Writes what is known of the process.
    pub(super) fn process(&mut self) {
        use MetricType::{Counter, Gauge};
        let usage = ProcessUsage::now();
        if let Some(cpu) = usage.cpu_seconds {
            self.single("process_cpu_seconds", Counter, "CPU time in user and system mode.", cpu);
        }
        if let Some(threads) = usage.threads {
            self.single("process_threads", Gauge, "Threads of the process.", threads);
        }
        if let Some(bytes) = usage.virtual_bytes {
            self.single("process_virtual_memory_bytes", Gauge, "Virtual memory of the process.", bytes);
        }
        if let Some(start) = usage.started {
            let help = "When the process was started, since 1970.";
            self.single("process_start_time_seconds", Gauge, help, start);
        }
        if let Some(bytes) = usage.resident_bytes {
            self.single("process_resident_memory_bytes", Gauge, "Resident memory of the process.", bytes);
        }
        if let Some(open) = usage.open_files {
            self.single("process_open_fds", Gauge, "File descriptors that are open.", open);
        }
        if let Some(limit) = usage.max_open_files {
            self.single("process_max_fds", Gauge, "File descriptors that may be open.", limit);
        }
    }
}
