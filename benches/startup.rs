//! From process start to an open service with a console logger, log counters and an MQTT connection.
//!
//! `cargo bench --bench startup` starts the service as a process of its own, `RUNS` times, against a broker in this
//! process, and shows the time until it says `ready` and its resident memory then. The broker is not part of either.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::config::from_pairs;
use wirework_container::Host;

const RUNS: usize = 21;

const MANIFEST: &str = r#"
[service]
name = "startup"

[[component]]
descriptor = "pip-services:logger:console:default:1.0"

[[component]]
descriptor = "pip-services:counters:log:default:1.0"

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection.host = "127.0.0.1"
connection.port = "${MQTT_PORT}"
"#;

fn main() -> ExitCode {
    if let Ok(manifest) = std::env::var("STARTUP_MANIFEST") {
        return Host::new().manifest(manifest).main();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("service.toml");
    std::fs::write(&manifest, MANIFEST).expect("a manifest");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (_broker, _context, port) = runtime.block_on(broker());
    let mut runs: Vec<(f64, f64)> = (0..RUNS).map(|_| start(&manifest, port)).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (fastest, slowest) = (runs[0].0, runs[RUNS - 1].0);
    let median = runs[RUNS / 2].0;
    runs.sort_by(|a, b| a.1.total_cmp(&b.1));
    println!("| to ready, median | fastest | slowest | resident, median |");
    println!("|---|---|---|---|");
    println!("| {median:.1} ms | {fastest:.1} ms | {slowest:.1} ms | {:.1} MiB |", runs[RUNS / 2].1 / 1024.0);
    ExitCode::SUCCESS
}

/// Starts the service, waits for `ready`, ends it; milliseconds and KiB.
fn start(manifest: &std::path::Path, port: u16) -> (f64, f64) {
    let began = Instant::now();
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .arg("run")
        .args(["-p", &format!("MQTT_PORT={port}")])
        .env("STARTUP_MANIFEST", manifest)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("own process");
    let lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
    let (mut seen, mut measured) = (Vec::new(), None);
    for line in lines.map_while(Result::ok) {
        let ready = line.contains("ready");
        seen.push(line);
        if ready {
            measured = Some((began.elapsed().as_secs_f64() * 1e3, resident_kib(child.id())));
            break;
        }
    }
    // Where it was never ready it has ended by itself, which is nothing to complain of here.
    let _ = child.kill();
    child.wait().expect("its exit");
    measured.unwrap_or_else(|| panic!("it was never ready:\n{}", seen.join("\n")))
}

fn resident_kib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default()
}

/// An embedded broker on a port that the system chooses.
async fn broker() -> (Broker, Context, u16) {
    let config: BrokerConfig = from_pairs([("port", "0")]).expect("a configuration");
    let broker = Broker::new(config).expect("a broker");
    let context = Context::standalone("pip-services:broker:mqtt:default:1.0".parse().expect("a descriptor"));
    broker.open(&context).await.expect("an open broker");
    let port = broker.address().expect("an address").port();
    (broker, context, port)
}
