//! The command as a process: started in a directory of its own, and what it said.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The sub-commands that read a manifest and only answer, in each of their formats.
#[allow(dead_code, reason = "for the tests that share this file")]
pub const READING: [&str; 12] = [
    "check",
    "check --format json",
    "check --format sarif",
    "graph",
    "graph --format mermaid",
    "graph --format dot",
    "graph --format json",
    "explain",
    "explain --format json",
    "print",
    "print --format json",
    "unit --name reading",
];

/// A directory with these files.
pub fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

/// The command in a directory, so that relative paths, and nothing of the machine, show in what it says.
pub fn wirework(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirework"));
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| is_read(name)) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    command
}

/// Variables that the command or the manifests of these tests would read, and those of systemd.
fn is_read(name: &str) -> bool {
    ["MQTT_", "LOG_", "DISCOVERY_", "CREDENTIAL_", "WIREWORK_", "COLUMNS", "CANARY", "NOTIFY_", "WATCHDOG_"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// What a run of the command came to.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Runs the command to its end.
    pub fn by(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs `wirework` with a line of arguments among these files.
    pub fn line(files: &[(&str, &str)], line: &str) -> Self {
        let directory = directory(files);
        Self::by(wirework(directory.path()).args(line.split_whitespace()))
    }

    /// What is on stdout, as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self}"))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        write!(f, "exit code {code}\n── stdout\n{}── stderr\n{}", self.out, self.err)
    }
}

/// Replaces what differs from run to run: time stamps, times taken, ports, lines of sources.
pub fn redacted(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let words = line.split(' ').filter(|word| !is_thread(word));
        let line = words.map(redacted_word).collect::<Vec<_>>().join(" ");
        lines.push_str(&time_taken(&line));
        lines.push('\n');
    }
    lines
}

fn redacted_word(word: &str) -> String {
    let is_stamp = word.len() == 24 && word.ends_with('Z') && word.as_bytes().get(10) == Some(&b'T');
    if is_stamp {
        return "<now>".to_owned();
    }
    match word.split_once(".rs:") {
        Some((file, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
            format!("{file}.rs:<line>{rest}")
        }
        None => word.to_owned(),
    }
}

/// The number of a thread that panicked, which only newer toolchains show.
fn is_thread(word: &str) -> bool {
    let inside = word.strip_prefix('(').and_then(|word| word.strip_suffix(')'));
    inside.is_some_and(|inside| !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `in 349 µs` as `in <time>`.
fn time_taken(line: &str) -> String {
    let Some((before, behind)) = line.split_once(" in ") else { return line.to_owned() };
    let mut words = behind.splitn(3, ' ');
    let (number, unit) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if number.parse::<f64>().is_err() || !["ns", "µs", "ms", "s"].contains(&unit) {
        return line.to_owned();
    }
    let rest = words.next().map(|rest| format!(" {rest}")).unwrap_or_default();
    format!("{before} in <time>{rest}")
}

/// A pipe that is full, and whose reader reads nothing unless the test does.
#[cfg(unix)]
#[allow(dead_code, reason = "for the tests that share this file")]
pub fn full_pipe() -> (std::io::PipeReader, std::os::fd::OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let writer = runtime.block_on(async {
        let writer = tokio::net::unix::pipe::Sender::from_owned_fd(writer.into()).unwrap();
        writer.writable().await.unwrap();
        // In lines, so that what is written to it later begins one.
        while writer.try_write(&[b'\n'; 4096]).is_ok() {}
        while writer.try_write(b"\n").is_ok() {}
        writer.into_blocking_fd().unwrap()
    });
    (reader, writer)
}
