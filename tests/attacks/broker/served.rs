//! The embedded broker in a process of its own: this test program, started again.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tempfile::NamedTempFile;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::log::{Level, LogSink, Record, Router, Scope};

use super::client::LIMIT;

/// Holds the configuration of the broker in its process.
const CONFIG: &str = "WIREWORK_ATTACKED_BROKER";
/// What it says before its address.
const LISTENS: &str = "attacked broker listens on ";

/// A broker that can be attacked. It ends with its value.
pub struct Served {
    child: Child,
    address: SocketAddr,
    log: NamedTempFile,
    memory: u64,
}

impl Served {
    /// A broker with this configuration in TOML, on a port of its own.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, "unlimited")
    }

    /// The same with so many file descriptors.
    pub fn start_with(config: &str, descriptors: &str) -> Self {
        let log = NamedTempFile::new().unwrap();
        let limited = format!("ulimit -n {descriptors} 2>/dev/null; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &limited])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "broker::served::attacked_broker", "--ignored", "--nocapture"])
            .env(CONFIG, format!("port = 0\n{config}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.unwrap().split_once(LISTENS).map(|(_, address)| address.to_owned()));
        let address =
            line.unwrap_or_else(|| panic!("no broker: {}", std::fs::read_to_string(log.path()).unwrap()));
        let mut served = Self { child, address: address.parse().unwrap(), log, memory: 0 };
        served.memory = served.peak();
        served
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has been logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Waits until a text has been logged.
    pub fn await_log(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "waited {LIMIT:?} for `{text}` in:\n{}", self.log());
            std::thread::yield_now();
        }
    }

    /// By how many bytes the memory of the process has grown at the most since it was ready.
    pub fn growth(&self) -> u64 {
        self.peak() - self.memory
    }

    /// The most memory that the process has had, in bytes.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Writes each record as a line, as the console does.
struct Lines;

impl LogSink for Lines {
    fn level(&self) -> Level {
        Level::Info
    }
    fn log(&self, record: &Record<'_>) {
        eprintln!("{:?} {}", record.level(), record.message());
    }
}

/// The broker's process. It runs until it is killed.
#[tokio::test]
#[ignore = "is the process of the attacked broker"]
async fn attacked_broker() {
    let config = std::env::var(CONFIG).expect("the attacks start this");
    let descriptor = "pip-services:broker:mqtt:attacked:1.0";
    let router = Router::install().unwrap();
    router.add(&Scope::new(descriptor.parse().unwrap()), Arc::new(Lines));
    let config: BrokerConfig = toml::from_str(&config).unwrap();
    let broker = Broker::new(config).unwrap();
    broker.open(&Context::standalone(descriptor.parse().unwrap())).await.unwrap();
    println!("{LISTENS}{}", broker.address().unwrap());
    std::future::pending::<()>().await;
}
