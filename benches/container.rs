//! How planning and opening grow with the number of components, and what one lookup costs.
//!
//! `cargo bench --bench container` measures manifests of 10, 1,000, 10,000 and 100,000 components, each with two
//! references (one by a pattern, one by a complete descriptor), every run in a process of its own so that peak memory
//! is that of the size alone. The median of `RUNS` runs is shown. The time of the TOML parser is taken inside, so that
//! what is shown of the rest is all that comes after it: the tree, the plan, the graph, the instances, opening.
//!
//! `cargo bench --bench container -- --phases 100000` counts instead of timing, for a machine that is busy with other
//! things: page faults and processor time of each phase of one run. `--one COUNT --until PHASE` runs to the end of
//! `text`, `plan`, `open` or `close` and ends the process there, for callgrind.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by a panic")]
#![allow(missing_docs)]

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wirework::component::{Component, ComponentFactory, NoConfig, Offer, Registry};
use wirework::config::Problems;
use wirework::{Descriptor, Error, Pattern, offers, references};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::{Index, Plan};
use wirework_container::run::{Container, Started};

const RUNS: usize = 5;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];

trait Hub: Send + Sync {}
wirework::capability!(dyn Hub);

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
        parent: Option<Arc<Node>> = "bench:node:none:*:1.0",
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
    let args: Vec<_> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().expect("a number of components");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--one", count, ..] => return one(number(count), args.get(3).map(String::as_str)),
        ["--phases", count, ..] => return phases(number(count)),
        _ => {}
    }
    println!(
        "| components | parse | read and plan | create and open | both | close | peak memory | lookup |"
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
        let lookup = format!("{:.0} ns", median(6));
        let cells = [ms(0), ms(1), ms(2), ms(3), ms(4), mib(5), lookup];
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

fn one(count: usize, until: Option<&str>) {
    let reached = |phase: &str| {
        if until == Some(phase) {
            std::process::exit(0);
        }
    };
    let text = manifest(count);
    let registry = registry();
    reached("text");
    let began = Instant::now();
    let (plan, parse) = plan(&text, &registry);
    let planned = began.elapsed() - parse;
    reached("plan");
    let lookup = if until.is_none() { lookup(&plan.descriptors) } else { Duration::ZERO };
    let runtime = runtime();
    let began = Instant::now();
    let container = runtime.block_on(open(plan, runtime.handle().clone()));
    let opened = began.elapsed();
    reached("open");
    let began = Instant::now();
    runtime.block_on(container.close()).expect("a clean close");
    let closed = began.elapsed();
    reached("close");
    let times = [parse, planned, opened, planned + opened, closed].map(|time| time.as_secs_f64().to_string());
    println!("{} {} {}", times.join(" "), peak_kib(), lookup.as_secs_f64() * 1e9);
}

/// Counts what wall time on a busy machine does not tell.
fn phases(count: usize) {
    let text = manifest(count);
    let registry = registry();
    let runtime = runtime();
    println!("| {count} components | page faults | user | system | memory at most |\n|---|---|---|---|---|");
    let mut before = usage();
    let mut done = |phase: &str| {
        let after = usage();
        let [faults, user, system] = [0, 1, 2].map(|at| after[at] - before[at]);
        let mib = peak_kib() / 1024.0;
        println!("| {phase} | {faults} | {user}0 ms | {system}0 ms | {mib:.0} MiB |");
        before = after;
    };
    drop(black_box(toml::de::DeTable::parse(&text).expect("good TOML")));
    done("the TOML parser alone");
    let (plan, _) = plan(&text, &registry);
    done("parse, read and plan");
    let container = runtime.block_on(open(plan, runtime.handle().clone()));
    done("create and open");
    runtime.block_on(container.close()).expect("a clean close");
    done("close");
}

/// Page faults, and processor time in user and system mode in hundredths of a second, of this process so far.
fn usage() -> [u64; 3] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<u64> = behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    [7, 11, 12].map(|at| fields.get(at).copied().unwrap_or(0))
}

fn plan(text: &str, registry: &Registry) -> (Plan, Duration) {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("bench.toml"), text, &Parameters::new(), &mut problems);
    let parse = manifest.files.iter().map(|file| file.parsing).sum();
    let plan = Plan::new(manifest, registry, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    (plan, parse)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime")
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

async fn open(plan: Plan, workers: tokio::runtime::Handle) -> Container {
    let started = Container::start(plan, None, workers, std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("it did not open") };
    container
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
            0 => "bench:node:none:*:1.0".to_owned(),
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
