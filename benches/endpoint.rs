//! What the HTTP endpoint and the metrics cost. Run by hand, on a machine that does nothing else:
//!
//! ```sh
//! cargo bench --bench endpoint --features prometheus
//! ```
//!
//! * `/readyz` over 64 kept connections, on one thread, beside a bare axum handler that answers the same word; the client has a thread of
//!   its own, and the runs of both are interleaved.
//! * The text of `/metrics` with 10,000 series, and how long counting takes while it is made without a break, and while it is not.

#![allow(clippy::expect_used, reason = "a benchmark that cannot start has nothing to say")]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use wirework::count::Counters;
use wirework::http::axum::{self, Router, routing::get};
use wirework::prometheus::{Exposition, PrometheusCounters, PrometheusCountersConfig, TextFormat};
use wirework_container::Host;

const RUNS: usize = 7;
const CONNECTIONS: usize = 64;
const RUN: Duration = Duration::from_secs(1);
const SERIES: usize = 10_000;

fn main() {
    readiness();
    metrics();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The middle one, the least and the most.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn readiness() {
    let (ours, our_end) = wirework_endpoint();
    let (theirs, their_end) = bare_axum();
    let client = runtime();
    let mut runs = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        runs.0.push(client.block_on(requests(ours)));
        runs.1.push(client.block_on(requests(theirs)));
    }
    let shares = runs.0.iter().zip(&runs.1).map(|(ours, theirs)| ours / theirs).collect();
    println!(
        "| `/readyz`, {CONNECTIONS} connections, one thread | median | least | most |\n|---|---:|---:|---:|"
    );
    for (name, values) in [("Wirework, requests a second", runs.0), ("axum alone, requests a second", runs.1)]
    {
        let (median, least, most) = spread(values);
        println!("| {name} | {median:.0} | {least:.0} | {most:.0} |");
    }
    let (median, least, most) = spread(shares);
    println!("| share of axum alone, median of pairs | {median:.2} | {least:.2} | {most:.2} |\n");
    drop((our_end, their_end));
}

/// A service with an endpoint, on a thread of its own, until the sender is dropped.
fn wirework_endpoint() -> (SocketAddr, oneshot::Sender<()>) {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("service.toml");
    let text = format!(
        "[service]\nname = \"bench\"\n[[component]]\ndescriptor = \"pip-services:endpoint:http:default:1.0\"\n\
         connection.host = \"127.0.0.1\"\nconnection.port = {}\n",
        address.port()
    );
    std::fs::write(&manifest, text).expect("a manifest");
    let (end, ended) = oneshot::channel();
    let (started, starts) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        runtime().block_on(async {
            let container = Host::new().manifest(manifest).start().await.expect("it starts");
            started.send(()).expect("the benchmark waits");
            // It is dropped, never sent.
            let _ = ended.await;
            container.close().await.expect("it closes");
        });
    });
    starts.recv().expect("the service starts");
    (address, end)
}

/// axum alone.
fn bare_axum() -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("a socket");
    let (end, ended) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            let routes = Router::new().route("/readyz", get(async || "ready\n"));
            let ended = async {
                let _ = ended.await;
            };
            axum::serve(listener, routes).with_graceful_shutdown(ended).await.expect("it serves");
        });
    });
    (address, end)
}

/// Requests a second over kept connections.
async fn requests(address: SocketAddr) -> f64 {
    let until = Instant::now() + RUN;
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(client(address, until))).collect();
    let mut count = 0;
    for client in clients {
        count += client.await.expect("it answers");
    }
    count as f64 / RUN.as_secs_f64()
}

async fn client(address: SocketAddr, until: Instant) -> u64 {
    const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let mut answer = vec![0; 4096];
    stream.write_all(REQUEST).await.expect("it reads");
    // All answers are as long as the first, which comes in one piece.
    let length = stream.read(&mut answer).await.expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..length]));
    let mut count = 1;
    while Instant::now() < until {
        stream.write_all(REQUEST).await.expect("it reads");
        stream.read_exact(&mut answer[..length]).await.expect("it answers");
        count += 1;
    }
    count
}

fn metrics() {
    let metrics = Arc::new(PrometheusCounters::new(&PrometheusCountersConfig::default()));
    let components: Vec<_> = (0..SERIES / 10)
        .map(|number| {
            let counters =
                Counters::of(format!("bench:part:any:p{number}:1.0").parse().expect("a descriptor"));
            counters.bind(vec![metrics.clone()]);
            for counter in 0..10 {
                counters.increment(&format!("part.kind_{counter}")).one();
            }
            counters
        })
        .collect();
    let text = || {
        let began = Instant::now();
        let text = metrics.text(TextFormat::OpenMetrics);
        (began.elapsed().as_secs_f64() * 1e3, text)
    };
    let series = text().1.lines().filter(|line| line.starts_with("wirework_part_")).count();
    assert_eq!(series, SERIES);
    let (median, least, most) = spread((0..101).map(|_| text().0).collect());
    println!("| `/metrics` | median | least | most |\n|---|---:|---:|---:|");
    println!("| text of {SERIES} series, ms | {median:.2} | {least:.2} | {most:.2} |");
    for (name, scraping) in
        [("one count, nobody scrapes, ns", false), ("one count beside scrapes without a break, ns", true)]
    {
        let (median, least, most) =
            spread((0..RUNS).map(|_| counting(&components, &metrics, scraping)).collect());
        println!("| {name} | {median:.1} | {least:.1} | {most:.1} |");
    }
}

/// How long one count takes, in nanoseconds.
fn counting(components: &[Counters], metrics: &PrometheusCounters, scraping: bool) -> f64 {
    const COUNTS: u32 = 2_000_000;
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        if scraping {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::black_box(metrics.text(TextFormat::OpenMetrics));
                }
            });
        }
        let counter = components.first().expect("a component").increment("part.kind_0");
        let began = Instant::now();
        for _ in 0..COUNTS {
            counter.one();
        }
        let took = began.elapsed();
        done.store(true, Ordering::Relaxed);
        took.as_secs_f64() * 1e9 / f64::from(COUNTS)
    })
}
