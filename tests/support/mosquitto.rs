//! The reference broker, where it is installed.

use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::process::{Process, free_port};
use super::within;

/// Where the variable is 1, a machine without mosquitto fails the tests that need it; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_MOSQUITTO";

/// Nothing is to be queued within mosquitto 2.0.11. Of more QoS 2 messages for one client than may be in flight it keeps
/// the rest in a queue that it does not empty, though it has acknowledged them to their publisher; a raw client shows
/// that too. Without any limit (0) it restores messages into that queue, and sends QoS 2 anew after their PUBREL.
const UNLIMITED: &str = "user root\nmax_inflight_messages 20000\n";

/// A mosquitto of its own on a port of its own on 127.0.0.1; stopped when dropped.
pub struct Mosquitto {
    /// Where it listens.
    pub port: u16,
    /// The broker process; its log goes to standard error.
    pub process: Process,
    program: PathBuf,
    config: PathBuf,
    _directory: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts one that admits everybody and stores nothing, or says that the test is skipped because there is none on
    /// this machine.
    pub async fn start() -> Option<Self> {
        Self::start_with("allow_anonymous true\n").await
    }

    /// The same with settings of the test's own after the `listener` line; `DIRECTORY` in them is a directory for it.
    pub async fn start_with(settings: &str) -> Option<Self> {
        Self::launch(&format!("persistence false\n{UNLIMITED}"), settings).await
    }

    /// One that keeps what it has when it is stopped in good order, without limit, and sends without Nagle's delay.
    pub async fn start_keeping(settings: &str) -> Option<Self> {
        let kept = format!(
            "{UNLIMITED}persistence true\npersistence_location DIRECTORY/\nautosave_interval 0\n\
                    max_queued_messages 0\nset_tcp_nodelay true\n"
        );
        Self::launch(&kept, &format!("allow_anonymous true\n{settings}")).await
    }

    async fn launch(before: &str, settings: &str) -> Option<Self> {
        let Some(program) = installed("mosquitto") else {
            missing("mosquitto");
            return None;
        };
        let mut said = String::new();
        // Between the choice of a port and its use somebody else can take it.
        for _ in 0..5 {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let config = directory.path().join("mosquitto.conf");
            let port = free_port();
            let text = format!("log_dest stderr\n{before}listener {port} 127.0.0.1\n{settings}");
            let text = text.replace("DIRECTORY", &directory.path().display().to_string());
            std::fs::write(&config, text).expect("a file in it");
            match run(&program, &config).await {
                Ok(process) => {
                    return Some(Self { port, process, program, config, _directory: directory });
                }
                Err(log) => said = log,
            }
        }
        panic!("mosquitto does not start:\n{said}");
    }

    /// Ends it by this signal, and waits until it is gone.
    pub async fn stop(&mut self, signal: &str) {
        self.process.signal(signal).await;
        self.process.exit().await;
    }

    /// Starts it again, on the same port and with what it had kept.
    pub async fn restart(&mut self) {
        match run(&self.program, &self.config).await {
            Ok(process) => self.process = process,
            Err(said) => panic!("mosquitto does not start again:\n{said}"),
        }
    }
}

/// Starts it; the error is what it says instead of running.
async fn run(program: &Path, config: &Path) -> Result<Process, String> {
    let mut process = Process::start(Command::new(program).arg("-c").arg(config));
    let running = async {
        while let Some(line) = process.next_line().await {
            if line.contains(" running") {
                return true;
            }
        }
        false
    };
    if within("mosquitto to run", running).await { Ok(process) } else { Err(process.said.join("\n")) }
}

fn missing(what: &str) {
    skip(what, REQUIRE);
}

/// Says that a test is skipped because a program is not installed, or fails it where the variable `require` is 1.
pub fn skip(what: &str, require: &str) {
    assert!(std::env::var(require).as_deref() != Ok("1"), "{what} is not installed, but {require}=1");
    // Written past the capture of test output: what was skipped has to be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what} is not installed");
}

/// A plugin that comes with mosquitto, or says that the test is skipped because there is none on this machine.
pub fn plugin(name: &str) -> Option<PathBuf> {
    let places = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = places.map(|place| place.join(name)).find(|path| path.exists());
    if found.is_none() {
        missing(name);
    }
    found
}

/// Where a program is, `/usr/sbin` included: Debian puts brokers there, outside the path of ordinary users.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join(program)).find(|file| file.is_file())
}
