//! Whether clients of the endpoint that behave badly slow the service's own work, and what they cost in memory.
//!
//! ```sh
//! ulimit -n 20000 && cargo bench -p wirework-container --bench clients
//! ```
//!
//! The service is a process of its own. It sends to a queue in memory and receives from it, without a break, and has an
//! endpoint with health, metrics and the admin API. The clients send what they have to send and then hold still, so that the
//! processor time that they take themselves does not count; the runs with and without them are interleaved.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wirework::component::{Component, Context, NoConfig, Offer};
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, offers, references, register};
use wirework_container::Host;

const RUNS: usize = 7;
const IDLE: usize = 10_000;
const STREAMS: usize = 500;
const SLOW: usize = 500;
const THREADS: usize = 100;
const REPORTED_EVERY: Duration = Duration::from_millis(250);

const MANIFEST: &str = r#"
[service]
name = "clients"

[[component]]
descriptor = "pip-services:logger:console:default:1.0"
level = "error"
[[component]]
descriptor = "pip-services:counters:prometheus:default:1.0"
[[component]]
descriptor = "pip-services:endpoint:http:default:1.0"
connection.port = "${HTTP_PORT}"
options.max_connections = 15000
options.head_timeout = "10m"
[[component]]
descriptor = "pip-services:metrics-controller:prometheus:default:1.0"
[[component]]
descriptor = "pip-services:admin-controller:http:default:1.0"
[[component]]
descriptor = "pip-services:message-queue:memory:work:1.0"
[[component]]
descriptor = "bench:work:queue:default:1.0"
"#;

references! {
    struct WorkReferences {
        queue: Arc<dyn MessageQueue> = "*:message-queue:memory:work:1.0",
    }
}

/// Sends and receives without a break, and says on standard output how often it has done so.
struct Work {
    queue: Arc<dyn MessageQueue>,
}

impl Component for Work {
    const DESCRIPTOR: &'static str = "bench:work:queue:*:1.0";
    const SUMMARY: &'static str = "Sends to a queue and receives from it.";
    const OFFERS: &'static [&'static dyn Offer] = offers![];
    type Config = NoConfig;
    type References = WorkReferences;

    fn create(_: &Descriptor, _: NoConfig, references: WorkReferences) -> Result<Self, Error> {
        Ok(Self { queue: references.queue })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let queue = Arc::clone(&self.queue);
        context.spawn("work", async move {
            let (mut done, mut reported) = (0_u64, Instant::now());
            loop {
                for _ in 0..1_000 {
                    queue.send(MessageEnvelope::new("work", "0123456789")).await?;
                    if let Some(message) = queue.receive(Duration::ZERO).await? {
                        queue.complete(&message).await?;
                        done += 1;
                    }
                }
                if reported.elapsed() >= REPORTED_EVERY {
                    println!("{done} {}", reported.elapsed().as_nanos());
                    (done, reported) = (0, Instant::now());
                }
                tokio::task::yield_now().await;
            }
        });
        Ok(())
    }
}
register!(Work);

/// Makes the connections of a kind of clients to this port.
type Connect = fn(u16) -> Vec<TcpStream>;

fn main() -> ExitCode {
    if let Ok(manifest) = std::env::var("CLIENTS_MANIFEST") {
        return Host::new().manifest(manifest).main();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("service.toml");
    std::fs::write(&manifest, MANIFEST).expect("a manifest");
    let kinds: [(&str, Connect); 4] = [
        ("none", |_| Vec::new()),
        ("10,000 idle connections", idle),
        ("500 readers of events that never read", streams),
        ("500 heads that never end", slow),
    ];
    let mut rates: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut grown: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for _ in 0..RUNS {
        for (number, (_, connect)) in kinds.iter().enumerate() {
            let mut service = Service::start(&manifest);
            let before = service.resident_mib();
            let clients = connect(service.port);
            // What the connections cost to make is over with the first report.
            service.rate();
            let rate = (0..4).map(|_| service.rate()).sum::<f64>() / 4.0;
            rates.entry(number).or_default().push(rate / 1e3);
            grown.entry(number).or_default().push(service.resident_mib() - before);
            drop(clients);
        }
    }
    println!(
        "| clients | own work, thousand messages a second | share of none, median of pairs | memory more, MiB |"
    );
    println!("|---|---|---|---|");
    let alone = rates.get(&0).cloned().unwrap_or_default();
    for (number, (name, _)) in kinds.iter().enumerate() {
        let of = rates.get(&number).cloned().unwrap_or_default();
        let shares = of.iter().zip(&alone).map(|(one, alone)| one / alone).collect();
        let more = grown.get(&number).cloned().unwrap_or_default();
        println!("| {name} | {} | {} | {} |", spread(of, 0), spread(shares, 2), spread(more, 1));
    }
    ExitCode::SUCCESS
}

/// The middle one (the least to the most).
fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    let (median, least, most) = (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)));
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}

/// So many connections that have sent this, made on several threads: one alone waits for the system at each.
fn connected(count: usize, port: u16, sent: &'static [u8]) -> Vec<TcpStream> {
    let connect = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection; see `ulimit -n`");
        stream.write_all(sent).expect("it reads");
        stream
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| std::thread::spawn(move || (0..count / THREADS).map(|_| connect()).collect::<Vec<_>>()))
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().expect("connections")).collect()
}

fn idle(port: u16) -> Vec<TcpStream> {
    let mut all = connected(IDLE, port, b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    for stream in &mut all {
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
    all
}

fn streams(port: u16) -> Vec<TcpStream> {
    let request = b"GET /admin/api/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    connected(STREAMS, port, request)
}

fn slow(port: u16) -> Vec<TcpStream> {
    connected(SLOW, port, b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
}

/// The service in a process of its own.
struct Service {
    process: Child,
    port: u16,
    reports: Lines<BufReader<ChildStdout>>,
    /// Held open: what is written there has to go somewhere.
    _log: BufReader<ChildStderr>,
}

impl Service {
    fn start(manifest: &std::path::Path) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut process = Command::new(std::env::current_exe().expect("own path"))
            .arg("run")
            .args(["-p", &format!("HTTP_PORT={port}")])
            .env("CLIENTS_MANIFEST", manifest)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("own process");
        let reports = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let log = BufReader::new(process.stderr.take().expect("its stderr"));
        let mut service = Self { process, port, reports, _log: log };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "the endpoint does not listen on port {port}");
            sleep(Duration::from_millis(20));
        }
        service.rate();
        service
    }

    /// Messages a second, as the service reports them next.
    fn rate(&mut self) -> f64 {
        let line = self.reports.next().and_then(Result::ok).expect("a report of the service");
        let (done, nanoseconds) = line.split_once(' ').expect("two numbers");
        let (done, nanoseconds): (f64, f64) =
            (done.parse().expect("a number"), nanoseconds.parse().expect("a number"));
        done * 1e9 / nanoseconds
    }

    fn resident_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It is ours, and has nothing to keep.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
