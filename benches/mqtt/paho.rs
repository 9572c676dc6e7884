//! The Paho C client, compiled here where Debian's `libpaho-mqtt-dev` and a C compiler are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::broker::installed;

pub struct Paho {
    program: PathBuf,
    _directory: tempfile::TempDir,
}

impl Paho {
    /// The program, or why there is none.
    pub fn build() -> Result<Self, String> {
        let compiler = installed("cc").ok_or("there is no C compiler `cc`")?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/paho_latency.c");
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let program = directory.path().join("paho_latency");
        let output = Command::new(compiler)
            .args(["-O2", "-rdynamic", "-o"])
            .arg(&program)
            .arg(&source)
            .args(["-lpaho-mqtt3as", "-lpthread", "-ldl"])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(Self { program, _directory: directory });
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first =
            said.lines().find(|line| line.contains("error") || line.contains("cannot")).unwrap_or_default();
        Err(format!("it does not compile ({first}); is Debian's `libpaho-mqtt-dev` installed?"))
    }

    /// Median and 99th percentile in microseconds.
    pub fn latency(&self, port: u16, qos: u8, count: u32, warm_up: usize) -> (f64, f64) {
        let output = Command::new(&self.program)
            .args([port.to_string(), qos.to_string(), count.to_string(), warm_up.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("it can be started");
        assert!(output.status.success(), "the run of Paho C failed");
        let text = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<f64> =
            text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        (numbers[0], numbers[1])
    }
}
