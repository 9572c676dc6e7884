//! How planning and opening grow with the number of components, and what one lookup costs.
//!
//! `cargo bench --bench container` measures manifests of 10, 1,000, 10,000 and 100,000 components, each with two
//! references (one by a pattern, one by a complete descriptor), every run in a process of its own so that peak memory
//! is that of the size alone. The median of `RUNS` runs is shown.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by a panic")]
#![allow(missing_docs)]

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wirework::component::{Capability, Component, ComponentFactory, NoConfig, Offer, Registry};
use wirework::config::Problems;
use wirework::{Descriptor, Error, Pattern, offers, references};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::{Index, Plan};
use wirework_container::run::{Container, Started};

const RUNS: usize = 5;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];

trait Hub: Send + Sync {}
impl Capability for dyn Hub {
    const NAME: &'static str = "Hub";
}

struct Root;
impl Hub for Root {}
impl Component for Root {
    const DESCRIPTOR: &'static str = "bench:hub:default:*:1.0";
    const SUMMARY: &'static str = "What every node refers to.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Hub];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct NodeConfig {
    /// Any number.
    weight: u32,
    /// Any text.
    label: String,
}

references! {
    struct NodeReferences {
        /// The root.
        hub: Arc<dyn Hub> = "*:hub:*:*:1.0",
        /// The node above.
        parent: Option<Arc<Node>> = "bench:node:none:none:1.0",
    }
}

struct Node {
    _references: NodeReferences,
}

impl Component for Node {
    const DESCRIPTOR: &'static str = "bench:node:default:*:1.0";
    const SUMMARY: &'static str = "One of many.";
    type Config = NodeConfig;
    type References = NodeReferences;
    fn create(_: &Descriptor, _: NodeConfig, references: NodeReferences) -> Result<Self, Error> {
        Ok(Self { _references: references })
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    if let (Some("--one"), Some(count)) = (args.next().as_deref(), args.next()) {
        return one(count.parse().expect("a number of components"));
    }
    println!(
        "| components | parse | read and plan | create and open | close | peak memory | after parse | lookup |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for count in SIZES {
        let runs: Vec<Vec<f64>> = (0..RUNS).map(|_| measure(count)).collect();
        let median = |column: usize| {
            let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let ms = |column: usize| format!("{:.2} ms", median(column) * 1e3);
        let mib = |column: usize| format!("{:.1} MiB", median(column) / 1024.0);
        let cells = [ms(0), ms(1), ms(2), ms(3), mib(4), mib(5), format!("{:.0} ns", median(6))];
        println!("| {count} | {} |", cells.join(" | "));
    }
}

/// Runs one size in a process of its own and reads its figures.
fn measure(count: usize) -> Vec<f64> {
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program).args(["--one", &count.to_string()]).output().expect("own process");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().map(|figure| figure.parse().expect("a figure")).collect()
}

fn one(count: usize) {
    let text = manifest(count);
    let registry = registry();
    let began = Instant::now();
    drop(black_box(toml::de::DeTable::parse(&text).expect("good TOML")));
    let parse = began.elapsed();
    let after_parse = peak_kib();

    let began = Instant::now();
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("bench.toml"), &text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    // The text is parsed a second time in there.
    let planned = began.elapsed().saturating_sub(parse);

    let lookup = lookup(&plan.descriptors);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let (open, close) = runtime.block_on(run(plan, runtime.handle().clone()));
    let figures = [parse, planned, open, close].map(|time| time.as_secs_f64().to_string());
    println!("{} {} {} {}", figures.join(" "), peak_kib(), after_parse, lookup.as_secs_f64() * 1e9);
}

fn registry() -> Registry {
    let pattern = |text: &str| text.parse::<Pattern>().expect("a pattern");
    let mut registry = Registry::new();
    registry
        .add(ComponentFactory::<Root, _>::with(pattern(Root::DESCRIPTOR), Root::create))
        .and_then(|registry| {
            registry.add(ComponentFactory::<Node, _>::with(pattern(Node::DESCRIPTOR), Node::create))
        })
        .expect("two factories");
    registry
}

async fn run(plan: Plan, workers: tokio::runtime::Handle) -> (Duration, Duration) {
    let began = Instant::now();
    let started = Container::start(plan, None, workers, std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("it did not open") };
    let open = began.elapsed();
    let began = Instant::now();
    container.close().await.expect("a clean close");
    (open, began.elapsed())
}

/// The time to find one component by its complete descriptor.
fn lookup(descriptors: &[Descriptor]) -> Duration {
    let index = Index::new(descriptors);
    let step = descriptors.len().div_ceil(1000);
    let patterns: Vec<Pattern> = descriptors.iter().step_by(step).map(|one| one.clone().into()).collect();
    let rounds = 200;
    let began = Instant::now();
    for _ in 0..rounds {
        for pattern in &patterns {
            assert_eq!(black_box(index.find(black_box(pattern))).len(), 1);
        }
    }
    began.elapsed() / (rounds * u32::try_from(patterns.len()).expect("few"))
}

fn manifest(count: usize) -> String {
    let mut text = String::from("[service]\nname = \"bench\"\n");
    text.push_str("\n[[component]]\ndescriptor = \"bench:hub:default:root:1.0\"\n");
    for number in 0..count.saturating_sub(1) {
        let parent = match number {
            0 => "bench:node:none:none:1.0".to_owned(),
            _ => format!("bench:node:default:n{}:1.0", (number - 1) / 8),
        };
        write!(
            text,
            "\n[[component]]\ndescriptor = \"bench:node:default:n{number}:1.0\"\nweight = {number}\n\
             label = \"node {number}\"\nreferences.parent = \"{parent}\"\n"
        )
        .expect("a string takes it");
    }
    text
}

/// The most memory this process ever had, in KiB.
fn peak_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default()
}
