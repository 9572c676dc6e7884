//! Programs from PyPI that judge what the command writes and answers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with the packages that `python/NAME.txt` locks. Where they cannot be installed it is nothing, which is said; where the variable
/// `require` is 1 the test fails then.
pub fn python(name: &str, require: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/python/install.sh");
    let done = Command::new("sh").arg(script).args([name, env!("CARGO_TARGET_TMPDIR")]).output();
    if let Ok(done) = &done
        && done.status.success()
    {
        return Some(PathBuf::from(String::from_utf8_lossy(&done.stdout).trim()));
    }
    let required = std::env::var(require).as_deref() == Ok("1");
    assert!(!required, "{name} cannot be installed, but {require}=1: {done:?}");
    // Written past the capture of test output: what was skipped has to be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {name} cannot be installed: {done:?}");
    None
}
