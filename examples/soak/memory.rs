//! Whether memory stays flat.

use std::fmt;
use std::time::Duration;

/// How much more may be resident at the end than after the warm-up, in KiB, however long the run: what the allocator
/// keeps varies by less.
const GROWTH: u64 = 4 * 1024;

/// Resident memory over time, from the end of the warm-up on.
pub struct Memory {
    warm_up: Duration,
    samples: Vec<u64>,
}

impl Memory {
    pub fn new(run: Duration) -> Self {
        Self { warm_up: (run / 4).min(Duration::from_secs(300)), samples: Vec::with_capacity(4096) }
    }

    pub fn sample(&mut self, elapsed: Duration) {
        if elapsed >= self.warm_up {
            self.samples.extend(resident());
        }
        // Of a long run every second sample is enough, and the samples are no leak themselves.
        if self.samples.len() == 4096 {
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The medians of the first and the last third.
    fn ends(&self) -> Option<(u64, u64)> {
        let third = self.samples.len() / 3;
        let median = |samples: &[u64]| {
            let mut sorted = samples.to_vec();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).copied()
        };
        let first = median(self.samples.get(..third)?)?;
        Some((first, median(self.samples.get(self.samples.len() - third..)?)?))
    }

    pub fn problem(&self) -> Option<String> {
        match self.ends() {
            Some((first, last)) if last > first + GROWTH => {
                Some(format!("resident memory grew from {first} to {last} KiB, by more than {GROWTH} KiB"))
            }
            Some(_) => None,
            None => Some("there were too few samples of the memory; run it longer".to_owned()),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ends() {
            Some((first, last)) => {
                write!(f, "resident memory {first} KiB after the warm-up, {last} KiB at the end")
            }
            None => write!(f, "resident memory unknown"),
        }
    }
}

/// Resident memory of this process in KiB; Linux alone says it like that.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
