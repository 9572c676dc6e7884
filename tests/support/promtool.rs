//! Prometheus' own check of metrics, where it is installed.

use std::io::Write;
use std::process::{Command, Stdio};

use super::mosquitto::{installed, skip};

/// Where the variable is 1, a machine without promtool fails the tests that need it; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_PROMTOOL";

/// Has promtool check metrics in the text format: what it finds, or nothing where it is not installed.
pub fn check(metrics: &str) -> Option<String> {
    let Some(program) = installed("promtool") else {
        skip("promtool", REQUIRE);
        return None;
    };
    let mut promtool = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    // It reads all before it says anything.
    promtool.stdin.take().expect("its input").write_all(metrics.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    Some(format!(
        "{}{}",
        if output.status.success() { "" } else { "failed: " },
        String::from_utf8_lossy(&said)
    ))
}
