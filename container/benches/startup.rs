//! From process start to an open service with a console logger, log counters and an MQTT connection.
//!
//! ```sh
//! cargo bench -p wirework-container --bench startup --no-default-features --features wirework/mqtt
//! cargo bench -p wirework-container --bench startup   # with all stock components in the binary
//! ```
//!
//! starts the service as a process of its own, `RUNS` times, against mosquitto, and shows the time until it says `ready`
//! and its resident memory then: what it allocated, and the pages of its program that it has touched. With all stock components, the
//! same with an endpoint, health, metrics and the admin controller follows, each start beside one without.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

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

/// What makes the service one that can be asked.
const OPERATED: &str = r#"
[[component]]
descriptor = "pip-services:counters:prometheus:default:1.0"

[[component]]
descriptor = "pip-services:endpoint:http:default:1.0"
connection.port = 0

[[component]]
descriptor = "pip-services:metrics-controller:prometheus:default:1.0"

[[component]]
descriptor = "pip-services:admin-controller:http:default:1.0"
"#;

fn main() -> ExitCode {
    if let Ok(manifest) = std::env::var("STARTUP_MANIFEST") {
        return Host::new().manifest(manifest).main();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("service.toml");
    std::fs::write(&manifest, MANIFEST).expect("a manifest");
    let broker = Broker::start();
    let port = broker.port;
    println!("| | to ready, median | fastest | slowest | resident, median |");
    println!("|---|---|---|---|---|");
    if cfg!(feature = "stock") {
        let operated = folder.path().join("operated.toml");
        std::fs::write(&operated, format!("{MANIFEST}{OPERATED}")).expect("a manifest");
        let (without, with): (Vec<_>, Vec<_>) =
            (0..RUNS).map(|_| (start(&manifest, port), start(&operated, port))).unzip();
        print("the service", without);
        print("with endpoint, health, metrics and admin", with);
    } else {
        print("the service", (0..RUNS).map(|_| start(&manifest, port)).collect());
    }
    ExitCode::SUCCESS
}

/// A line of the table, of milliseconds and KiB.
fn print(name: &str, mut runs: Vec<(f64, f64)>) {
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (fastest, median, slowest) = (runs[0].0, runs[RUNS / 2].0, runs[RUNS - 1].0);
    runs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let resident = runs[RUNS / 2].1 / 1024.0;
    println!("| {name} | {median:.1} ms | {fastest:.1} ms | {slowest:.1} ms | {resident:.1} MiB |");
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

/// mosquitto, on a port that the system chooses.
struct Broker {
    process: Child,
    port: u16,
}

impl Broker {
    fn start() -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        // Debian has it where only root looks.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new("mosquitto")
            .env("PATH", path)
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed");
        let broker = Self { process, port };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "mosquitto does not listen on port {port}");
            sleep(Duration::from_millis(20));
        }
        broker
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It is ours, and has nothing to keep.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
