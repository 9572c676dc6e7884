//! A real Prometheus server, where it is installed.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::http::Server;
use super::mosquitto::{installed, skip};
use super::process::Process;
use super::{LIMIT, within};

/// Where the variable is 1, a machine without Prometheus fails the tests that need it; elsewhere they are skipped. Debian's package
/// has promtool too.
const REQUIRE: &str = "WIREWORK_REQUIRE_PROMTOOL";

/// How often it scrapes, and how often a test asks it again.
const INTERVAL: Duration = Duration::from_millis(100);

/// A server that scrapes one target; stopped when dropped.
pub struct Prometheus {
    api: Server,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target`, or says that the test is skipped because there is none on this machine.
    pub async fn start(target: SocketAddr) -> Option<Self> {
        let Some(program) = installed("prometheus") else {
            skip("prometheus", REQUIRE);
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary directory");
        let interval = format!("{}ms", INTERVAL.as_millis());
        let config = format!(
            "global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n\
             scrape_configs: [{{job_name: wirework, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a temporary file");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0");
        let mut process = Process::start(&mut command);
        let api = Server::Tcp(listening(&mut process).await);
        process.line_with("ready to receive web requests").await;
        Some(Self { api, _process: process, _folder: folder })
    }

    /// Asks a query until its answer has this value. Its answers follow what it has scraped, and it has no event for a scrape.
    pub async fn reaches(&self, query: &str, holds: impl Fn(f64) -> bool) -> f64 {
        let mut last = Value::Null;
        let asked = tokio::time::timeout(LIMIT, async {
            let mut again = tokio::time::interval(INTERVAL);
            loop {
                again.tick().await;
                last = self.ask(&format!("/api/v1/query?query={}", escaped(query))).await;
                let value = last.pointer("/data/result/0/value/1").and_then(Value::as_str);
                if let Some(value) = value.and_then(|value| value.parse().ok()).filter(|value| holds(*value))
                {
                    return value;
                }
            }
        });
        let found = asked.await;
        found
            .unwrap_or_else(|_| panic!("`{query}` does not become what is expected; the last answer: {last}"))
    }

    /// Why the last scrape failed; empty where it did not.
    pub async fn last_error(&self) -> String {
        let targets = self.ask("/api/v1/targets").await;
        let error = targets.pointer("/data/activeTargets/0/lastError").and_then(Value::as_str);
        error.unwrap_or_else(|| panic!("no target in {targets}")).to_owned()
    }

    async fn ask(&self, path: &str) -> Value {
        // HTTP/1.0: the answer comes in one piece.
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = within("Prometheus", self.api.send(request)).await.expect("it answers");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
    }
}

/// Where one of Prometheus' programs says that it listens.
pub async fn listening(process: &mut Process) -> SocketAddr {
    let line = process.line_with("msg=\"Listening on\"").await;
    let address = line.split("address=").nth(1).and_then(|address| address.trim().parse().ok());
    address.unwrap_or_else(|| panic!("no address in `{line}`"))
}

/// A query as a part of a URL.
fn escaped(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
