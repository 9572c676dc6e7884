//! A cluster of three NATS servers with JetStream, speaking MQTT 3.1.1, where it is installed.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::mosquitto::{installed, skip};
use super::process::{Process, free_port};
use super::within;

/// Where the variable is 1, a machine without nats-server fails the tests that need it; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_NATS";

/// Three nodes; stopped when dropped.
pub struct Cluster {
    pub nodes: Vec<Node>,
    _directory: tempfile::TempDir,
}

/// One server of a cluster.
pub struct Node {
    /// Where it speaks MQTT.
    pub port: u16,
    pub process: Process,
}

impl Cluster {
    /// Starts one, or says that the test is skipped because there is no nats-server on this machine.
    pub async fn start() -> Option<Self> {
        let Some(program) = installed("nats-server") else {
            skip("nats-server", REQUIRE);
            return None;
        };
        let mut said = String::new();
        // Between the choice of a port and its use somebody else can take it.
        for _ in 0..5 {
            match run(&program).await {
                Ok(cluster) => return Some(cluster),
                Err(log) => said = log,
            }
        }
        panic!("nats-server does not start:\n{said}");
    }
}

/// Starts three; the error is what one of them says instead of running.
async fn run(program: &Path) -> Result<Cluster, String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let routes: Vec<u16> = (0..3).map(|_| free_port()).collect();
    let mut nodes: Vec<Node> =
        (0..3).map(|number| start(program, directory.path(), number, &routes)).collect();
    for node in &mut nodes {
        let ready = async {
            while let Some(line) = node.process.next_line().await {
                if line.contains("Server is ready") {
                    return true;
                }
            }
            false
        };
        if !within("nats-server to run", ready).await {
            return Err(node.process.said.join("\n"));
        }
    }
    Ok(Cluster { nodes, _directory: directory })
}

fn start(program: &Path, directory: &Path, number: usize, routes: &[u16]) -> Node {
    let port = free_port();
    let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let config = format!(
        "server_name: node{number}\nlisten: \"127.0.0.1:-1\"\njetstream {{ store_dir: \"{store}\" }}\n\
         mqtt {{ listen: \"127.0.0.1:{port}\" }}\n\
         cluster {{ name: test, listen: \"127.0.0.1:{route}\", routes: [{all}] }}\n",
        store = directory.join(format!("store{number}")).display(),
        route = routes[number],
        all = all.join(", "),
    );
    let file: PathBuf = directory.join(format!("node{number}.conf"));
    std::fs::write(&file, config).expect("a file in a temporary directory");
    Node { port, process: Process::start(Command::new(program).arg("-c").arg(file)) }
}
