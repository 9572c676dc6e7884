//! What `check` takes for ten hostile manifests of 1 MB: time and peak memory of the process, each under 1 s and 200 MB.
//!
//! ```sh
//! cargo bench -p wirework-container --bench hostile
//! ```
//!
//! The peak is the system's own account of the child process, as GNU `time` reports it.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

#[path = "../tests/attacks/hostile.rs"]
mod hostile;

const SECONDS: f64 = 1.0;
const MEGABYTES: f64 = 200.0;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hostile.toml");
    let mut all = true;
    println!("| 10 hostile manifests of 1 MB: each under 1 s and 200 MB | time | peak | |");
    println!("|---|---|---|---|");
    for (name, text) in hostile::manifests() {
        std::fs::write(&path, text).expect("a manifest");
        let (seconds, megabytes) = check(&path);
        let holds = seconds < SECONDS && megabytes < MEGABYTES;
        all &= holds;
        println!(
            "| {name} | {seconds:.2} s | {megabytes:.0} MB | {} |",
            if holds { "ok" } else { "too much" }
        );
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks a manifest in a process of its own; seconds, and megabytes at most.
fn check(manifest: &std::path::Path) -> (f64, f64) {
    let began = Instant::now();
    let output = Command::new("time")
        .args(["-f", "peak %M", env!("CARGO_BIN_EXE_wirework"), "check", "-c"])
        .arg(manifest)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("GNU time is installed");
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    let peak = said.lines().rev().find_map(|line| line.strip_prefix("peak ")).expect("the peak in KiB");
    (seconds, peak.trim().parse::<f64>().expect("a number") * 1024.0 / 1e6)
}
