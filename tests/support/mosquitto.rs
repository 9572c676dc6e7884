//! The reference broker, where it is installed.

use std::io::Write;
use std::path::PathBuf;

use tokio::process::Command;

use super::process::{Process, free_port};
use super::within;

/// Where the variable is 1, a machine without mosquitto fails the tests that need it; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_MOSQUITTO";

/// A mosquitto of its own on a port of its own on 127.0.0.1, storing nothing; stopped when dropped.
pub struct Mosquitto {
    /// Where it listens.
    pub port: u16,
    /// The broker process; its log goes to standard error.
    pub process: Process,
    _directory: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts one that admits everybody, or says that the test is skipped because there is none on this machine.
    pub async fn start() -> Option<Self> {
        Self::start_with("allow_anonymous true\n").await
    }

    /// The same with settings of the test's own after the `listener` line.
    pub async fn start_with(settings: &str) -> Option<Self> {
        let Some(program) = installed("mosquitto") else {
            assert!(
                std::env::var(REQUIRE).as_deref() != Ok("1"),
                "mosquitto is not installed, but {REQUIRE}=1"
            );
            // Written past the capture of test output: what was skipped has to be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: mosquitto is not installed");
            return None;
        };
        let mut said = String::new();
        // Between the choice of a port and its use somebody else can take it.
        for _ in 0..5 {
            match Self::try_start(&program, settings).await {
                Ok(broker) => return Some(broker),
                Err(log) => said = log,
            }
        }
        panic!("mosquitto does not start:\n{said}");
    }

    async fn try_start(program: &PathBuf, settings: &str) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("mosquitto.conf");
        let port = free_port();
        let config = format!("log_dest stderr\npersistence false\nlistener {port} 127.0.0.1\n{settings}");
        std::fs::write(&file, config).expect("a file in it");
        let mut process = Process::start(Command::new(program).arg("-v").arg("-c").arg(&file));
        let running = async {
            while let Some(line) = process.next_line().await {
                if line.contains(" running") {
                    return true;
                }
            }
            false
        };
        if within("mosquitto to run", running).await {
            return Ok(Self { port, process, _directory: directory });
        }
        Err(process.said.join("\n"))
    }
}

/// Where a program is, `/usr/sbin` included: Debian puts brokers there, outside the path of ordinary users.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join(program)).find(|file| file.is_file())
}
