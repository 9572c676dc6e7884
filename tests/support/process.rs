//! Child processes: started, listened to line by line, signalled, awaited.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::within;

/// How many lines that nobody has asked for are kept; older ones are let go. A program must never wait for its reader.
const KEPT: usize = 8192;

/// A running program whose standard output and error are read as they come; killed when dropped.
pub struct Process {
    child: Child,
    lines: Arc<Lines>,
    /// Everything it has said so far, shown when a test fails.
    pub said: Vec<String>,
}

impl Process {
    /// Starts a program; its standard input is empty.
    pub fn start(command: &mut Command) -> Self {
        let command =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let lines = Arc::new(Lines::default());
        forward(child.stdout.take().expect("piped"), Arc::clone(&lines));
        forward(child.stderr.take().expect("piped"), Arc::clone(&lines));
        Self { child, lines, said: Vec::new() }
    }

    /// The next line of either output; `None` when both are closed.
    pub async fn next_line(&mut self) -> Option<String> {
        let line = self.lines.next().await?;
        self.said.push(line.clone());
        Some(line)
    }

    /// The first line from here on that contains `text`.
    pub async fn line_with(&mut self, text: &str) -> String {
        let said = self.said.len();
        let found = tokio::time::timeout(super::LIMIT, async {
            while let Some(line) = self.next_line().await {
                if line.contains(text) {
                    return Some(line);
                }
            }
            None
        });
        let found = found.await.unwrap_or(None);
        found.unwrap_or_else(|| panic!("no line with `{text}`, but:\n{}", self.said[said..].join("\n")))
    }

    /// Sends a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the process still runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await.expect("kill can be run");
        assert!(sent.success(), "cannot send {name} to process {id}");
    }

    /// Waits until it has ended; reads what it says until then.
    pub async fn exit(&mut self) -> ExitStatus {
        within("the end of the outputs", async { while self.next_line().await.is_some() {} }).await;
        within("the end of the process", self.child.wait()).await.expect("a child can be awaited")
    }

    /// Waits until it has ended by itself and returns its exit code, which a killed process does not have.
    pub async fn exit_code(&mut self) -> Option<i32> {
        self.exit().await.code()
    }
}

/// What a program says, until somebody asks.
#[derive(Default)]
struct Lines {
    /// The lines, and how many of the two outputs have ended.
    said: Mutex<(VecDeque<String>, usize)>,
    more: Notify,
}

impl Lines {
    fn push(&self, line: String) {
        let mut said = self.said.lock().expect("nobody panics here");
        if said.0.len() >= KEPT {
            said.0.pop_front();
        }
        said.0.push_back(line);
        self.more.notify_one();
    }

    fn end(&self) {
        self.said.lock().expect("nobody panics here").1 += 1;
        self.more.notify_one();
    }

    async fn next(&self) -> Option<String> {
        loop {
            {
                let mut said = self.said.lock().expect("nobody panics here");
                if let Some(line) = said.0.pop_front() {
                    return Some(line);
                }
                if said.1 == 2 {
                    return None;
                }
            }
            self.more.notified().await;
        }
    }
}

fn forward(output: impl AsyncRead + Unpin + Send + 'static, to: Arc<Lines>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            to.push(line);
        }
        to.end();
    });
}

/// A TCP port that was free a moment ago. Somebody else may take it: give programs port 0 and read which one they
/// got wherever they can say so, and try again where not.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
    listener.local_addr().expect("a bound listener has an address").port()
}
