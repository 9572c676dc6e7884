//! What logging and counting cost. Run by hand, on a machine that does nothing else:
//!
//! ```sh
//! cargo bench --bench observe
//! ```
//!
//! Prints for each case the median of 101 samples in nanoseconds for one operation, and the quickest and slowest sample.

#![allow(clippy::expect_used, reason = "a benchmark that cannot start has nothing to say")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use wirework::count::Counters;
use wirework::log::{Level, LogSink, Logger, Record, Router, Scope};

const SAMPLES: usize = 101;

/// Takes records up to a level and drops them.
struct Drain(Level);

impl LogSink for Drain {
    fn level(&self) -> Level {
        self.0
    }
    fn log(&self, record: &Record<'_>) {
        black_box(record);
    }
}

fn measure(name: &str, iterations: u32, mut operation: impl FnMut(u32)) {
    let mut sample = || {
        let start = Instant::now();
        for number in 0..iterations {
            operation(black_box(number));
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(iterations)
    };
    sample();
    let mut samples: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    samples.sort_by(f64::total_cmp);
    let (least, median, most) = (samples[0], samples[SAMPLES / 2], samples[SAMPLES - 1]);
    println!("{name:<58} {median:>8.1} ns   ({least:.1} to {most:.1})");
}

fn scope(name: &str) -> Arc<Scope> {
    Scope::new(format!("bench:part:any:{name}:1.0").parse().expect("five tokens"))
}

fn logging() {
    let router = Router::install().expect("no other subscriber in this process");
    let (quiet, verbose) = (Arc::new(Drain(Level::Info)), Arc::new(Drain(Level::Debug)));
    router.add(&scope("quiet"), quiet.clone());
    let speaker = scope("speaker");
    speaker.bind(vec![quiet]);
    let logger = Logger::in_scope(speaker.clone());

    speaker.span().in_scope(|| {
        measure("log line no sink wants, tracing::debug!", 100_000, |n| tracing::debug!(n, "reading"));
        measure("log line no sink wants, Logger::debug", 100_000, |n| {
            logger.debug(format_args!("reading {n}"))
        });
        router.add(&scope("verbose"), verbose);
        measure("log line only another component's sink wants, tracing", 100_000, |n| {
            tracing::debug!(n, "reading");
        });
        measure("log line only another component's sink wants, Logger", 100_000, |n| {
            logger.debug(format_args!("reading {n}"));
        });
        measure("log line to a sink that drops it, tracing::info!", 10_000, |n| tracing::info!(n, "reading"));
        measure("log line to a sink that drops it, Logger::info", 10_000, |n| {
            logger.info(format_args!("reading {n}"));
        });
    });
    measure("entering and leaving a component's span", 10_000, |_| speaker.span().in_scope(|| ()));
}

fn counting() {
    let counters = Counters::standalone();
    let (increment, stats) = (counters.increment("a.count"), counters.stats("a.size"));
    let (last, timing) = (counters.last("a.length"), counters.timing("a.time"));
    measure("counter: increment", 100_000, |_| increment.one());
    measure("counter: last value", 100_000, |n| last.set(f64::from(n)));
    measure("counter: statistics", 100_000, |n| stats.record(f64::from(n)));
    measure("counter: timing, begin to end", 100_000, |_| timing.begin().end());
}

fn main() {
    logging();
    counting();
}
