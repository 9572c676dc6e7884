//! What the process takes, under the names that all clients of Prometheus have for it, and its runtime.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::Handle;

use super::text::{Encoder, MetricType};

/// The clock ticks of a second in `/proc`: `USER_HZ`, which is 100 on every architecture that Rust has a standard library for.
const TICKS_PER_SECOND: f64 = 100.0;

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

    /// Writes what `/proc` says of the process; what it does not say, or says on no other system than Linux, is left out.
    pub(super) fn process(&mut self) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            let Stat { cpu, threads, virtual_bytes, .. } = stat;
            self.single("process_cpu_seconds", MetricType::Counter, "CPU time in user and system mode.", cpu);
            self.single("process_threads", MetricType::Gauge, "Threads of the process.", threads);
            let help = "Virtual memory of the process.";
            self.single("process_virtual_memory_bytes", MetricType::Gauge, help, virtual_bytes);
            if let Some(start) = started(&stat) {
                let help = "When the process was started, since 1970.";
                self.single("process_start_time_seconds", MetricType::Gauge, help, start);
            }
        }
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes)
        {
            let help = "Resident memory of the process.";
            self.single("process_resident_memory_bytes", MetricType::Gauge, help, bytes);
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // One of them is that of the folder itself.
            let open = descriptors.count().saturating_sub(1);
            self.single("process_open_fds", MetricType::Gauge, "File descriptors that are open.", open);
        }
        if let Some(limit) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(max_fds) {
            let help = "File descriptors that may be open.";
            self.single("process_max_fds", MetricType::Gauge, help, limit);
        }
    }
}

/// What is taken from `/proc/self/stat`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    /// Seconds in user and system mode.
    cpu: f64,
    threads: u64,
    virtual_bytes: u64,
    /// Seconds between the start of the system and that of the process.
    start: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program is in parentheses, and may have any character, `)` and spaces too.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the state behind the name is field 3.
        let field = |number: usize| fields.get(number.checked_sub(3)?);
        let whole = |number| field(number)?.parse::<u64>().ok();
        let seconds = |number| Some(field(number)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        Some(Self {
            cpu: seconds(14)? + seconds(15)?,
            threads: whole(20)?,
            virtual_bytes: whole(23)?,
            start: seconds(22)?,
        })
    }
}

/// When the process was started, in seconds since 1970. Read once, so that a clock that is set does not move it.
fn started(stat: &Stat) -> Option<f64> {
    static STARTED: OnceLock<Option<f64>> = OnceLock::new();
    *STARTED.get_or_init(|| Some(system_start(&fs::read_to_string("/proc/stat").ok()?)? + stat.start))
}

fn system_start(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn max_fds(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_it_is_written() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 12345 1048576 321 18446744073709551615";
        let expected = Stat { cpu: 3.0, threads: 9, virtual_bytes: 1_048_576, start: 123.45 };
        assert_eq!(Stat::parse(stat), Some(expected));
        for bad in ["", "7 (a) S 1", "7 (a) S a b c d e f g h i j k l m n o p q r s t u v w x y z"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!(resident_bytes("VmRSS:\t18446744073709551615 kB\n"), None);
        assert_eq!(system_start("cpu 1 2\nbtime 1700000000\n"), Some(1.7e9));
        let limits =
            |soft| max_fds(&format!("Limit  Soft\nMax open files            {soft}   4096  files\n"));
        assert_eq!((limits("1024"), limits("unlimited")), (Some(1024.0), Some(f64::INFINITY)));
    }
}
