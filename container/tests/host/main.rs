//! A service author's own binary, with components that fail, hang and panic: what its user reads, and how it ends.
//!
//! The test starts itself again as that binary, since no stock component misbehaves on demand. Without a harness, so
//! that the whole command line is the host's. Unix only, as are the signals it sends.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "what it shares with the test `command` it uses in part")]

#[path = "../command/running.rs"]
mod running;
mod signals;
#[path = "../command/tool.rs"]
mod tool;
mod trouble;
#[cfg(target_os = "linux")]
mod watchdog;

use std::panic::catch_unwind;
use std::process::{Command, ExitCode, Stdio};

use running::Running;
use tool::{Said, directory, redacted};
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
    ("a_hanging_open_is_given_up_on_a_signal", signals::a_hanging_open_is_given_up_on_a_signal),
    ("signals_sent_twice_are_one", signals::signals_sent_twice_are_one),
    (
        "a_drain_goes_on_serving_until_its_delay_is_over",
        signals::a_drain_goes_on_serving_until_its_delay_is_over,
    ),
    ("a_failure_waits_for_no_delay", signals::a_failure_waits_for_no_delay),
    ("a_second_interrupt_waits_for_no_delay", signals::a_second_interrupt_waits_for_no_delay),
    ("a_program_controls_its_service_from_beside_it", a_program_controls_its_service_from_beside_it),
    ("log_files_are_opened_anew_on_a_signal", signals::log_files_are_opened_anew_on_a_signal),
    ("a_hangup_is_taken_and_says_what_to_do", signals::a_hangup_is_taken_and_says_what_to_do),
    ("a_second_interrupt_ends_at_once", signals::a_second_interrupt_ends_at_once),
    ("a_second_interrupt_needs_no_listener", signals::a_second_interrupt_needs_no_listener),
    ("a_second_interrupt_needs_no_room", signals::a_second_interrupt_needs_no_room),
    ("an_end_needs_no_room", signals::an_end_needs_no_room),
    ("a_panic_needs_no_room", signals::a_panic_needs_no_room),
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
