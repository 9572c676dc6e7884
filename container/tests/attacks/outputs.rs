//! Outputs that block, are closed, or are full: the service starts, works, and stops on every signal that asks for it.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::broker::{Broker, Client};
use crate::tool::{directory, full_pipe, wirework};

/// More messages than the buffer of the log has room for the lines about them.
const MESSAGES: u16 = 300;

/// Every signal that asks a service to go.
const STOPS: [&str; 3] = ["TERM", "INT", "QUIT"];

fn manifest(port: u16, logger: &str) -> String {
    format!(
        "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevel = 'trace'\nbuffer = 4096\n{logger}\n\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
         connection = {{ host = '127.0.0.1', port = {port} }}\n"
    )
}

/// A service whose connection is up.
struct Service {
    child: Child,
    client: Client,
    _directory: TempDir,
}

impl Service {
    fn start(logger: &str, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Self {
        let broker = Broker::start();
        let directory = directory(&[("service.toml", &manifest(broker.port(), logger))]);
        let mut command = wirework(directory.path());
        command.args(["run", "-c", "service.toml"]).stdout(out).stderr(err);
        let child = command.spawn().unwrap();
        Self { child, client: broker.accept_client(), _directory: directory }
    }

    /// Has it work, with a line of log for every message.
    fn work(&mut self) {
        for id in 1..=MESSAGES {
            self.client.publish(id, "nobody/listens");
            self.client.acknowledged(id);
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks it to stop; it sends DISCONNECT to the broker, and ends well.
    fn stop(mut self, signal: &str, what: &str) {
        self.signal(signal);
        self.client.disconnected();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{signal} with {what}");
    }
}

fn null() -> Stdio {
    Stdio::null()
}

fn full_device() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn closed_pipe() -> OwnedFd {
    std::io::pipe().unwrap().1.into()
}

/// Runs a service for every signal, at the same time.
fn each_stop(what: &str, start: impl Fn() -> (Vec<PipeReader>, Service) + Sync) {
    std::thread::scope(|threads| {
        for signal in STOPS {
            let start = &start;
            threads.spawn(move || {
                let (_readers, mut service) = start();
                service.work();
                service.stop(signal, what);
            });
        }
    });
}

#[test]
fn a_blocked_stderr() {
    each_stop("a blocked stderr", || {
        let (reader, writer) = full_pipe();
        (vec![reader], Service::start("", null(), writer))
    });
}

#[test]
fn a_blocked_stdout() {
    each_stop("a blocked stdout", || {
        let (reader, writer) = full_pipe();
        (vec![reader], Service::start("output = 'stdout'\nformat = 'json'", writer, null()))
    });
}

#[test]
fn both_blocked() {
    each_stop("both blocked", || {
        let ((one, out), (other, err)) = (full_pipe(), full_pipe());
        (vec![one, other], Service::start("output = 'split'", out, err))
    });
}

#[test]
fn both_the_same_blocked_pipe() {
    each_stop("both the same blocked pipe", || {
        let (reader, out) = full_pipe();
        let err = out.try_clone().unwrap();
        (vec![reader], Service::start("output = 'split'", out, err))
    });
}

#[test]
fn closed_pipes() {
    each_stop("closed pipes", || {
        (Vec::new(), Service::start("output = 'split'", closed_pipe(), closed_pipe()))
    });
}

#[test]
fn a_full_disk() {
    each_stop("a full disk", || {
        (Vec::new(), Service::start("output = 'split'", full_device(), full_device()))
    });
}

/// What was dropped is told of, where it is missing, once there is room; and the lines add up.
#[test]
fn the_log_says_how_many_lines_are_missing() {
    for format in ["text", "json"] {
        let (mut reader, writer) = full_pipe();
        let mut service = Service::start(&format!("format = '{format}'"), null(), writer);
        service.work();
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            reader.read_to_string(&mut said).map(|_| said)
        });
        // One more, at a time when there is room.
        service.client.publish(MESSAGES + 1, "nobody/listens");
        service.client.acknowledged(MESSAGES + 1);
        service.stop("TERM", format);
        let said = said.join().unwrap().unwrap();
        let said = said.trim_start();
        let shown = said.lines().filter(|line| line.contains("nobody listens")).count();
        assert!(shown < usize::from(MESSAGES), "{said}");
        let dropped = said.lines().filter_map(|line| {
            let (before, _) = line.split_once(" lines were dropped, since stderr did not take them")?;
            before.rsplit([' ', '"']).next()?.parse::<usize>().ok()
        });
        let dropped: usize = dropped.sum();
        assert!(shown + dropped > usize::from(MESSAGES), "{shown} and {dropped}: {said}");
        assert!(said.lines().last().unwrap().contains("closed pip-services:logger:console"), "{said}");
        if format == "json" {
            for line in said.lines() {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
        }
    }
}

/// A terminal's SIGINT with a runner's SIGTERM, and whatever else comes in the same moment, is one wish.
#[test]
fn signals_that_come_together_are_one() {
    let mut service = Service::start("", null(), null());
    // A start that is given up sends no DISCONNECT.
    service.work();
    for signal in ["INT", "TERM", "TERM", "HUP", "QUIT", "TERM"] {
        service.signal(signal);
    }
    service.stop("TERM", "all of them");
}

/// Signals with a use elsewhere end nothing.
#[test]
fn signals_that_mean_nothing_here_are_taken() {
    let mut service = Service::start("", null(), null());
    for signal in
        ["HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "POLL", "XFSZ", "PIPE", "WINCH", "CHLD", "CONT"]
    {
        service.signal(signal);
        service.client.publish(7, "nobody/listens");
        service.client.acknowledged(7);
    }
    service.stop("TERM", "signals before");
}

#[test]
fn under_nohup_a_hangup_does_not_stop_it() {
    let broker = Broker::start();
    let directory = directory(&[("service.toml", &manifest(broker.port(), ""))]);
    let service = wirework(directory.path());
    let mut command = Command::new("nohup");
    command.arg(service.get_program()).current_dir(directory.path());
    command.args(["run", "-c", "service.toml"]).stdin(null()).stdout(null()).stderr(null());
    let child = command.spawn().unwrap();
    let mut service = Service { child, client: broker.accept_client(), _directory: directory };
    service.signal("HUP");
    service.work();
    service.stop("TERM", "nohup");
}
