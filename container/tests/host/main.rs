//! A service author's own binary, with components that fail, hang and panic: what its user reads, and how it ends.
//!
//! The test starts itself again as that binary, since no stock component misbehaves on demand. Without a harness, so
//! that the whole command line is the host's. Unix only, as are the signals it sends.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "what it shares with the test `command` it uses in part")]

#[path = "../command/running.rs"]
mod running;
#[path = "../command/tool.rs"]
mod tool;
mod trouble;
#[cfg(target_os = "linux")]
mod watchdog;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::panic::catch_unwind;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use running::Running;
use tool::{Said, directory, full_pipe, redacted};
use wirework::component::{LevelTarget, ServiceView};
use wirework::log::Level;
use wirework_container::Host;
use wirework_container::run::{LevelChange, ServiceControl};

/// Set for the process that is the host.
const ROLE: &str = "WIREWORK_TEST_HOST";

/// Set for the host that does something beside its service.
const BESIDE: &str = "WIREWORK_TEST_BESIDE";

const TESTS: &[(&str, fn())] = &[
    ("without_a_command_it_runs_its_manifest", without_a_command_it_runs_its_manifest),
    ("it_has_the_whole_command", it_has_the_whole_command),
    ("it_takes_the_options_of_run", it_takes_the_options_of_run),
    ("failures_end_the_service", failures_end_the_service),
    ("a_hanging_open_is_given_up_on_a_signal", a_hanging_open_is_given_up_on_a_signal),
    ("signals_sent_twice_are_one", signals_sent_twice_are_one),
    ("a_drain_goes_on_serving_until_its_delay_is_over", a_drain_goes_on_serving_until_its_delay_is_over),
    ("a_failure_waits_for_no_delay", a_failure_waits_for_no_delay),
    ("a_second_interrupt_waits_for_no_delay", a_second_interrupt_waits_for_no_delay),
    ("a_program_controls_its_service_from_beside_it", a_program_controls_its_service_from_beside_it),
    ("log_files_are_opened_anew_on_a_signal", log_files_are_opened_anew_on_a_signal),
    ("a_hangup_is_taken_and_says_what_to_do", a_hangup_is_taken_and_says_what_to_do),
    ("a_second_interrupt_ends_at_once", a_second_interrupt_ends_at_once),
    ("a_second_interrupt_needs_no_listener", a_second_interrupt_needs_no_listener),
    ("a_second_interrupt_needs_no_room", a_second_interrupt_needs_no_room),
    ("an_end_needs_no_room", an_end_needs_no_room),
    ("a_panic_needs_no_room", a_panic_needs_no_room),
    #[cfg(target_os = "linux")]
    ("workers_that_are_blocked_stop_the_watchdog", watchdog::workers_that_are_blocked_stop_the_watchdog),
];

fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        let host = Host::new().manifest("service.toml");
        return match std::env::var_os(BESIDE) {
            Some(_) => host.on_start(change_levels_and_stop).main(),
            None => host.main(),
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let list = arguments.iter().any(|argument| argument == "--list");
    let mut failed = false;
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        if list {
            println!("{name}: test");
            continue;
        }
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed |= !passed;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// This program as the host, in a directory with this manifest.
fn host(manifest: &str) -> (Command, tempfile::TempDir) {
    let directory = directory(&[("service.toml", manifest)]);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.current_dir(directory.path()).stdin(Stdio::null());
    command.env(ROLE, "1").env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    (command, directory)
}

fn start(manifest: &str) -> Running {
    let (command, directory) = host(manifest);
    Running::start(command, directory)
}

/// A service whose trouble is between two components that have none.
fn service(keys: &str) -> String {
    let part = |name: &str, keys: &str| {
        format!("[[component]]\ndescriptor = \"test:trouble:default:{name}:1.0\"\n{keys}\n")
    };
    format!(
        "[service]\nname = \"demo\"\ntimeout = \"500ms\"\nopen_concurrency = 1\n\
         [[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\nlevel = \"debug\"\n{}{}{}",
        part("first", ""),
        part("bad", keys),
        part("last", "")
    )
}

fn without_a_command_it_runs_its_manifest() {
    let mut running = start(&service(""));
    running.wait_for(" ready: 4 components");
    running.signal("TERM");
    let said = running.end();
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said}");
}

fn it_has_the_whole_command() {
    let (mut command, _directory) = host(&service(""));
    let help = Said::by(command.arg("--help"));
    assert_eq!(help.code, Some(0));
    assert!(help.out.starts_with("Checks and runs this service; its manifest is service.toml\n"), "{help}");
    for (line, begins) in [
        ("check", "ok: 4 components, 0 references, 0 errors, 0 warnings\n"),
        ("graph", "demo: 4 components"),
        ("print", "[service]\nname = \"demo\"\n"),
        ("describe test:trouble", "test:trouble:default:*:1.0\nMisbehaves on demand.\n"),
        ("explain", "pip-services:logger:console:default:1.0\n"),
    ] {
        let (mut command, _directory) = host(&service(""));
        let said = Said::by(command.args(line.split(' ')));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}: {said}");
        assert!(said.out.starts_with(begins), "{line}: {said}");
    }
    let (mut command, _directory) = host(&service(""));
    assert!(Said::by(command.arg("components")).out.contains("test:trouble:default:*:1.0 "));
}

/// Without a sub-command it takes the options and the manifest of `run`.
fn it_takes_the_options_of_run() {
    let bad = service("phase = \"${WHEN}\"");
    for line in
        ["-p WHEN=open", "--param WHEN=open", "service.toml -p WHEN=open", "-c service.toml --params params"]
    {
        let (mut command, directory) = host(&bad);
        std::fs::write(directory.path().join("params"), "WHEN=open\n").unwrap();
        let said = Said::by(command.args(line.split(' ')));
        assert_eq!(said.code, Some(1), "{line}: {said}");
        assert!(
            said.err.contains("error[NO_SPACE]: the service did not start: cannot open"),
            "{line}: {said}"
        );
    }
    let mut all = String::new();
    for line in ["--parm A=1", "-p WHEN", "chekc", "none.toml", "--help"] {
        let (mut command, _directory) = host(&bad);
        let said = Said::by(command.args(line.split(' ')));
        all.push_str(&format!("$ service {line}\n{said}\n"));
    }
    let name = std::env::current_exe().unwrap();
    let name = name.file_name().unwrap().to_string_lossy().into_owned();
    insta::assert_snapshot!("own_options", all.replace(&name, "service"));
}

fn failures_end_the_service() {
    let troubles = [
        ("create_fails", "phase = \"create\""),
        ("create_panics", "phase = \"create\"\nhow = \"panics\""),
        ("create_hangs", "phase = \"create\"\nhow = \"hangs\""),
        ("open_fails", "phase = \"open\""),
        ("open_panics", "phase = \"open\"\nhow = \"panics\""),
        ("open_hangs", "phase = \"open\"\nhow = \"hangs\"\ntimeout = \"200ms\""),
        ("open_fails_uncritical", "phase = \"open\"\ncritical = false"),
        ("task_fails", "phase = \"task\""),
        ("task_panics", "phase = \"task\"\nhow = \"panics\""),
        ("close_fails", "phase = \"close\""),
        ("close_panics", "phase = \"close\"\nhow = \"panics\""),
        ("close_hangs", "phase = \"close\"\nhow = \"hangs\""),
    ];
    let runs = troubles.map(|(name, keys)| {
        std::thread::spawn(move || {
            let mut running = start(&service(keys));
            let is_ready =
                name.starts_with("close") || name.starts_with("task") || name.ends_with("uncritical");
            if is_ready {
                running.wait_for(" ready: ");
                running.signal(if name.starts_with("task") { "USR2" } else { "TERM" });
            }
            (name, running.end())
        })
    });
    for run in runs {
        let (name, said) = run.join().unwrap();
        let code = if name.ends_with("uncritical") { 0 } else { 1 };
        assert_eq!(said.code, Some(code), "{name}: {said}");
        if name == "close_hangs" {
            // How much of the service's time it was given depends on the others.
            let failure_report = "error[TIMEOUT]: the service did not close cleanly: cannot close `test:trouble:default:bad:1.0`, as said above";
            assert!(said.err.contains(failure_report), "{said}");
            assert!(said.err.contains("its `close` did not end within"), "{said}");
            assert!(said.err.contains("closed test:trouble:default:first:1.0"), "the others close: {said}");
            continue;
        }
        insta::assert_snapshot!(name, redacted(&said.to_string()));
    }
}

fn a_hanging_open_is_given_up_on_a_signal() {
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
fn signals_sent_twice_are_one() {
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

fn a_drain_goes_on_serving_until_its_delay_is_over() {
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

async fn change_levels_and_stop(view: ServiceView, control: ServiceControl) {
    let change = |level| LevelChange::new(LevelTarget::Container, level).asked_by("the program\nof Ada");
    assert!(view.readiness().is_ready());
    control.set_level(change(Level::Error)).unwrap();
    assert_eq!(view.levels()[0].level, Level::Error);
    control.reset_level(&LevelTarget::Container, "Ada").unwrap();
    let bad = LevelTarget::Component("test:trouble:default:bad:1.0".parse().unwrap());
    control.set_level(LevelChange::new(bad, Level::Trace).until_reset()).unwrap();
    control.stop();
    std::future::pending().await
}

fn a_program_controls_its_service_from_beside_it() {
    let (mut command, directory) = host(&service(""));
    command.env(BESIDE, "1");
    let said = Running::start(command, directory).end();
    assert_eq!(said.code, Some(0), "{said}");
    let lines =
        said.err.lines().filter(|line| line.contains("log level of") || line.contains("asked to stop"));
    let lines: Vec<_> = lines.map(|line| line.split_once(" INFO  ").map_or(line, |(_, rest)| rest)).collect();
    let until = |line: &str| line.split_once(" until=").map_or(line.to_owned(), |(line, _)| line.to_owned());
    let lines: Vec<_> = lines.into_iter().map(until).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

fn log_files_are_opened_anew_on_a_signal() {
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

fn a_failure_waits_for_no_delay() {
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

fn a_second_interrupt_waits_for_no_delay() {
    let (mut command, _directory) = host(&draining("1h", ""));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready: ")));
    assert_eq!(interrupt(&mut child), Some(130));
}

/// It neither stops the service nor the process, however often it comes, also while the service starts.
fn a_hangup_is_taken_and_says_what_to_do() {
    const TAKEN: &str = "SIGHUP: nothing is reloaded, and the service goes on; restart it";
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

fn a_second_interrupt_ends_at_once() {
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
fn a_second_interrupt_needs_no_listener() {
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
fn a_second_interrupt_needs_no_room() {
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
fn an_end_needs_no_room() {
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
fn a_panic_needs_no_room() {
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
