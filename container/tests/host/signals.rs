//! What signals do to the host: they end the start, drain and close the service, open log files anew, and SIGINT again ends at once.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::running::Running;
use crate::tool::full_pipe;
use crate::{host, service, start};

pub fn a_hanging_open_is_given_up_on_a_signal() {
    // The service never was ready: whoever waits for it must not take that for success.
    for (signal, code) in [("INT", 130), ("TERM", 143), ("QUIT", 131)] {
        let mut running = start(&service("phase = \"open\"\nhow = \"hangs\""));
        running.wait_for("test:trouble:default:first:1.0");
        running.signal(signal);
        let said = running.end();
        assert_eq!(said.code, Some(code), "{said}");
        assert!(said.err.contains(&format!("SIG{signal}: the start is given up")), "{said}");
        let last = format!("error[STOPPED]: SIG{signal} came before the service was ready\n");
        assert!(said.err.ends_with(&last), "{said}");
    }
}

/// Only a second SIGINT, and not at once after the first, is impatience.
pub fn signals_sent_twice_are_one() {
    let mut running = start(&service("phase = \"close\"\nhow = \"hangs\"").replace("500ms", "2s"));
    running.wait_for(" ready: ");
    running.signal("INT");
    running.wait_for("SIGINT: closing");
    for signal in ["TERM", "TERM", "HUP", "QUIT", "TERM"] {
        running.signal(signal);
    }
    let said = running.end();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("closed test:trouble:default:first:1.0"), "the others close: {said}");
}

/// A service that drains for so long.
fn draining(delay: &str, keys: &str) -> String {
    service(keys).replacen("[service]\n", &format!("[service]\ndrain_delay = \"{delay}\"\n"), 1)
}

pub fn a_drain_goes_on_serving_until_its_delay_is_over() {
    let mut running = start(&draining("300ms", ""));
    running.wait_for(" ready: ");
    let began = Instant::now();
    running.signal("TERM");
    running.wait_for("SIGTERM: not ready any more; serving for 300 ms, then closing");
    running.wait_for("closed test:trouble:default:last:1.0");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
}

pub fn log_files_are_opened_anew_on_a_signal() {
    let file = "[[component]]\ndescriptor = \"pip-services:logger:file:default:1.0\"\npath = \"x.log\"\n";
    let (command, directory) = host(&format!("{}{file}", service("")));
    let path = |name: &str| directory.path().join(name);
    let (log, moved) = (path("x.log"), path("moved.log"));
    let mut running = Running::start(command, directory);
    running.wait_for(" ready: 5 components");
    std::fs::rename(&log, &moved).unwrap();
    running.signal("USR1");
    running.wait_for("SIGUSR1: 1 log file opened anew");
    running.signal("TERM");
    running.wait_for("closed pip-services:logger:file:default:1.0");
    let text = |path| std::fs::read_to_string(path).unwrap();
    let (before, after) = (text(&moved), text(&log));
    assert_eq!(running.end().code, Some(0));
    assert!(before.contains(" opened test:trouble:default:first:1.0 in "), "{before}");
    assert!(after.contains(" INFO  demo wirework SIGUSR1: 1 log file opened anew\n"), "{after}");
    assert!(after.contains(" closed test:trouble:default:first:1.0"), "{after}");
}

pub fn a_failure_waits_for_no_delay() {
    let mut running = start(&draining("1h", "phase = \"task\""));
    running.wait_for(" ready: ");
    running.signal("TERM");
    running.wait_for("SIGTERM: not ready any more; serving for ");
    running.signal("USR2");
    running.wait_for("test:trouble:default:bad:1.0 stops the service: ");
    let said = running.end();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("the service was stopped by a failure"), "{said}");
}

pub fn a_second_interrupt_waits_for_no_delay() {
    let (mut command, _directory) = host(&draining("1h", ""));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready: ")));
    assert_eq!(interrupt(&mut child), Some(130));
}

/// Whether this process was started to ignore SIGHUP; on Linux alone that can be known.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// It neither stops the service nor the process, however often it comes, also while the service starts.
pub fn a_hangup_is_taken_and_says_what_to_do() {
    const TAKEN: &str = "SIGHUP: nothing is reloaded, and the service goes on; restart it";
    if is_hangup_ignored() {
        println!(
            "SKIPPED: SIGHUP is ignored by whoever started this test, as `nohup` does, and so by the service"
        );
        return;
    }
    let mut running = start(&service(""));
    running.wait_for(" ready: ");
    for _ in 0..2 {
        running.signal("HUP");
        running.wait_for(TAKEN);
    }
    running.signal("TERM");
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
    let mut running = start(&service("phase = \"open\"\nhow = \"hangs\""));
    running.wait_for("opened test:trouble:default:first:1.0");
    running.signal("HUP");
    running.wait_for(TAKEN);
    running.signal("TERM");
    let said = running.end();
    assert_eq!(said.code, Some(143), "{said}");
}

/// A service whose close hangs for an hour.
const STUCK: &str = "phase = \"close\"\nhow = \"hangs\"";

/// Sends SIGINT until it ends: one that comes at once after the first is the same one.
fn interrupt(child: &mut Child) -> Option<i32> {
    let id = child.id().to_string();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        // It may have ended since.
        let _ = Command::new("kill").args(["-s", "INT", &id]).stderr(Stdio::null()).status().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn a_second_interrupt_ends_at_once() {
    for format in ["text", "json"] {
        let manifest =
            service(STUCK).replace("500ms", "1h").replace("level", &format!("format = '{format}'\nlevel"));
        let (mut command, _directory) = host(&manifest);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready: ")));
        assert_eq!(interrupt(&mut child), Some(130));
        let last = lines.last().unwrap().unwrap();
        let words = "SIGINT again: ended at once, components may be left open";
        let said = serde_json::from_str::<serde_json::Value>(&last);
        let said = said.map_or(last, |record| record["message"].as_str().unwrap().to_owned());
        assert_eq!(said, words);
    }
}

/// Also when nobody reads what it says any more.
pub fn a_second_interrupt_needs_no_listener() {
    let (mut command, _directory) = host(&service(STUCK).replace("500ms", "1h"));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut lines = BufReader::new(reader).lines();
    assert!(lines.any(|line| line.unwrap().contains(" ready: ")));
    drop(lines);
    assert_eq!(interrupt(&mut child), Some(130));
}

/// Also when both outputs are full, and a component waits in a `println!` with the lock of stdout, or has begun a line that the
/// end of the process would write.
pub fn a_second_interrupt_needs_no_room() {
    for prints in ["a line\\n", "the start of one"] {
        let announced = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = announced.local_addr().unwrap();
        let keys = format!("{STUCK}\nannounce = \"{address}\"\nprints = \"{prints}\"");
        let (mut command, _directory) = host(&service(&keys).replace("500ms", "1h"));
        let ((_out, out), (_err, err)) = (full_pipe(), full_pipe());
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        drop(command);
        announced.accept().unwrap();
        assert_eq!(interrupt(&mut child), Some(130), "{prints}");
    }
}

/// The end does not wait either, for what a component has printed.
pub fn an_end_needs_no_room() {
    for prints in ["a line\\n", "the start of one"] {
        let announced = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = announced.local_addr().unwrap();
        let keys = format!("announce = \"{address}\"\nprints = \"{prints}\"");
        let (mut command, _directory) = host(&service(&keys));
        let ((_out, out), (_err, err)) = (full_pipe(), full_pipe());
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        drop(command);
        announced.accept().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        // Whether it was ready by then, nobody can read.
        let code = child.wait().unwrap().code();
        assert!([Some(0), Some(143)].contains(&code), "{prints}: {code:?}");
    }
}

/// A panic says so on stderr, and must not wait for it.
pub fn a_panic_needs_no_room() {
    let announced = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = announced.local_addr().unwrap();
    let keys = format!("phase = \"task\"\nhow = \"panics\"\nannounce = \"{address}\"");
    let (mut command, _directory) = host(&service(&keys));
    let (_reader, writer) = full_pipe();
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    announced.accept().unwrap();
    assert!(Command::new("kill").args(["-s", "USR2", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
