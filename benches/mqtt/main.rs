//! What `MqttConnection` reaches, beside rumqttc's own client, raw sockets and Paho C in the same run. By hand, on a
//! machine that does nothing else:
//!
//! ```sh
//! cargo bench --bench mqtt                       # everything, in about 10 minutes
//! cargo bench --bench mqtt -- --quick            # everything in two minutes; its figures mean little
//! cargo bench --bench mqtt -- publishing broker  # some parts: publishing, receiving, tracing, broker, latency, idle
//! ```
//!
//! With `--write`, and only then, the tables are written into docs/performance.md, between the two marks there, and the picture to
//! docs/mqtt-benchmark.svg. The runs of all clients are interleaved; a figure is the median
//! of the runs, behind it the lowest and the highest. Every client is in a process of its own (but for `publishing`,
//! where the server is in this one), and none sends with Nagle's delay; the broker does not either for `latency`.
//!
//! `broker` and `latency` need `mosquitto`; Paho C needs `cc` and Debian's `libpaho-mqtt-dev`. What is not there is left
//! out, and the report says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot start has nothing to say")]

mod acker;
mod awaited;
mod broker;
mod child;
mod compare;
mod e2e;
mod figures;
mod idle;
mod latency;
mod ours;
mod paho;
mod picture;
mod publishing;
mod raw;
mod receiving;
mod theirs;
mod tracing;
mod write;

use figures::Report;

const WIREWORK: &str = "Wirework";
const RUMQTTC: &str = "rumqttc";
const RAW: &str = "raw socket";
const PAHO: &str = "Paho C";

/// How much work a run is.
#[derive(Clone, Copy)]
pub struct Effort {
    quick: bool,
}

impl Effort {
    fn messages(self, full: u32) -> u32 {
        if self.quick { full / 5 } else { full }
    }

    fn runs(self, full: usize) -> usize {
        if self.quick { full.min(3) } else { full }
    }
}

/// A part of the benchmark, and its name.
type Part = (&'static str, fn(&mut Report, Effort));

fn progress(what: &str, run: usize, runs: usize) {
    eprintln!("{what}: run {} of {runs}", run + 1);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some(("--child", role)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return child::run(role);
    }
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let parts: [Part; 6] = [
        ("publishing", publishing::measure),
        ("receiving", receiving::measure),
        ("tracing", tracing::measure),
        ("broker", compare::measure),
        ("latency", latency::measure),
        ("idle", idle::measure),
    ];
    for argument in &arguments {
        let known =
            parts.iter().any(|(name, _)| name == argument) || ["--quick", "--write"].contains(&&**argument);
        assert!(
            known,
            "`{argument}` is none of publishing, receiving, tracing, broker, latency, idle, --quick, --write"
        );
    }
    let effort = Effort { quick: has("--quick") };
    let all = !parts.iter().any(|(name, _)| has(name));
    let mut report = Report::default();
    for (name, measure) in parts {
        if all || has(name) {
            measure(&mut report, effort);
        }
    }
    print!("{}", report.markdown());
    if has("--write") {
        write::write(&report);
    }
}
