//! The command while it runs: listened to, signalled, awaited.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use crate::tool::Said;

/// A running command and what it says on stderr, line by line.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: String,
    _directory: TempDir,
}

impl Running {
    /// Starts it; the directory is kept until it has ended.
    pub fn start(mut command: Command, directory: TempDir) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, said: String::new(), _directory: directory }
    }

    /// Waits for a line with this text.
    pub fn wait_for(&mut self, text: &str) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return;
            }
        }
        panic!("it never said {text:?}, but:\n{}", self.said);
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end, and answers with all it has said.
    pub fn end(mut self) -> Said {
        for line in self.lines.by_ref() {
            self.said.push_str(&line.unwrap());
            self.said.push('\n');
        }
        let output = self.child.wait_with_output().unwrap();
        Said { code: output.status.code(), out: String::from_utf8(output.stdout).unwrap(), err: self.said }
    }
}
