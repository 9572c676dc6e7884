//! `rust-version` in `Cargo.toml` is the least that the dependencies can be built with, no more and no less.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by a panic")]

use std::process::Command;

/// `1.88` and `1.88.0` as numbers.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rust_version_is_the_highest_of_the_dependencies() {
    let rustc = output(Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("-vV"));
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Of this platform alone: what other platforms need may never have been downloaded.
    let metadata = output(Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--all-features",
        "--filter-platform",
        host,
    ]));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for package in metadata["packages"].as_array().unwrap() {
        let Some(needs) = package["rust_version"].as_str().map(version) else { continue };
        let name = package["name"].as_str().unwrap();
        let list = if package["source"].is_null() { &mut ours } else { &mut theirs };
        list.push((needs, name));
    }
    let (highest, name) = theirs.into_iter().max().unwrap();
    assert_eq!(ours.len(), 2, "{ours:?}");
    for (version, package) in ours {
        assert_eq!(version, highest, "`{package}` must say what its dependency `{name}` needs");
    }
}
