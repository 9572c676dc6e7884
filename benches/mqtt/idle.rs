//! What an open connection costs that does nothing: resident memory of a process that holds 10,000 of them, with the
//! server in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::acker::{answer, whole};
use super::figures::{Case, Figure, Group, Report, Spread};
use super::ours::Ours;
use super::{Effort, WIREWORK, child};

const CONNECTIONS: u32 = 10_000;
/// Descriptors of a process beside its connections.
const OTHERS: u64 = 100;

/// Ends with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It is ours, and has nothing to keep.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn measure(report: &mut Report, effort: Effort) {
    let wanted = effort.messages(CONNECTIONS);
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let count = u64::from(wanted).min(hard.saturating_sub(OTHERS)) as u32;
    if count < wanted {
        report.missing.push(format!(
            "{wanted} idle connections: the hard limit of open files is {hard} here (`ulimit -Hn`), which is too low; \
             {count} were held"
        ));
    }
    let program = std::env::current_exe().expect("this program has a path");
    let mut process = Command::new(program)
        .args(["--child", "acker"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started once more");
    let mut port = String::new();
    let mut said = BufReader::new(process.stdout.take().expect("it is piped"));
    said.read_line(&mut port).expect("the server says its port");
    let _server = Server(process);
    let mut sizes = Vec::new();
    let runs = effort.runs(3);
    for run in 0..runs {
        super::progress("idle connections", run, runs);
        let role = ["idle".to_owned(), port.trim().to_owned(), count.to_string()];
        sizes.extend(child::spawn(&role));
    }
    let spread = Spread::of(&sizes);
    report.groups.push(Group {
        title: "An idle connection",
        unit: "KiB of resident memory",
        decimals: 1,
        cases: vec![Case {
            name: format!("each of {count} in one process"),
            figures: vec![Figure { client: WIREWORK, spread }],
        }],
    });
    report.at_most("an idle connection, KiB", 40.0, spread, 1);
}

/// As many descriptors as this process may have.
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit can be raised to the hard one");
}

/// Resident memory of this process in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is there");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of kB")
}

/// In a child: opens so many connections and prints what each costs in KiB.
pub fn hold(port: u16, count: u32) {
    raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let size = runtime.block_on(async {
        let mut all = Vec::with_capacity(count as usize);
        // The first ones bring what all share.
        for _ in 0..10 {
            all.push(Ours::connect(port, 1000).await);
        }
        let before = resident();
        for _ in 10..count {
            all.push(Ours::connect(port, 1000).await);
        }
        let each = (resident() - before) / f64::from(count - 10);
        assert!(all.iter().all(|ours| ours.client.is_up()), "every connection is still up");
        each
    });
    println!("{size}");
    // Closing thousands one by one says nothing.
    std::process::exit(0);
}

/// In a child: welcomes everybody, until the benchmark ends.
pub fn serve() {
    raise_limit();
    std::thread::spawn(|| {
        // The other end of standard input is the benchmark.
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        println!("{}", listener.local_addr().expect("it is bound").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(attend(stream));
        }
    });
}

async fn attend(mut stream: TcpStream) {
    let (mut bytes, mut answers) = (Vec::with_capacity(256), Vec::new());
    while let Ok(1..) = stream.read_buf(&mut bytes).await {
        while let Some(length) = whole(&bytes) {
            let packet: Vec<u8> = bytes.drain(..length).collect();
            answer(&packet, &mut answers);
        }
        if stream.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}
