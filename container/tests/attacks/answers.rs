//! Answers that cannot be written, and log lines that must be JSON to the last.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::broker::{Broker, packet, text};
use crate::tool::{Said, directory, wirework};

const MANIFEST: &str = "[[component]]\ndescriptor = 'pip-services:context-info:default:default:1.0'\n";

const LINES: [&str; 18] = [
    "check",
    "check --format json",
    "graph",
    "graph --format mermaid",
    "graph --format dot",
    "graph --format json",
    "explain",
    "explain --format json",
    "print",
    "print --format json",
    "components",
    "components --format json",
    "describe logger",
    "describe logger --format json",
    "schema",
    "--help",
    "check --help",
    "--version",
];

/// The line, with the manifest where it takes one.
fn arguments(line: &str) -> Vec<&str> {
    let mut arguments: Vec<_> = line.split(' ').collect();
    let takes = ["check", "graph", "explain", "print"].iter().any(|one| line.starts_with(one));
    if takes && !line.ends_with("--help") {
        arguments.extend(["-c", "service.toml"]);
    }
    arguments
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let directory = directory(&[("service.toml", MANIFEST)]);
    for line in LINES {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = wirework(directory.path());
        let output = command.args(arguments(line)).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {err}");
        assert!(err.starts_with("error: cannot write to stdout: "), "{line}: {err}");
        assert_eq!(err.lines().count(), 1, "{line}: {err}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let directory = directory(&[("service.toml", MANIFEST)]);
    for line in LINES {
        let (_, closed) = std::io::pipe().unwrap();
        let mut command = wirework(directory.path());
        let output = command.args(arguments(line)).stdout(closed).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{line}");
    }
}

#[test]
fn nothing_to_run_is_an_error_unless_it_is_allowed() {
    let empty = [("service.toml", "[service]\nname = 'empty'\n")];
    let said = Said::line(&empty, "run -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(said.err.contains("error[NO_COMPONENTS]") && said.err.contains("--allow-empty"), "{said}");
    let said = Said::line(&empty, "check -c service.toml");
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.err.contains("warning[NO_COMPONENTS]"), "{said}");

    let directory = directory(&empty);
    let mut command = wirework(directory.path());
    command.args(["run", "--allow-empty", "-c", "service.toml"]);
    let mut running = crate::running::Running::start(command, directory);
    running.wait_for(" ready: 0 components");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

const JSON: &str = "[service]\nname = 'demo'\n\
    [[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nformat = 'json'\n";

/// Start errors, problems of the manifest, the fallback's lines and the last words are JSON too.
#[test]
fn a_json_log_is_json_to_the_last_line() {
    let broker = Broker::start();
    let connection = format!(
        "[[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
         connection = {{ host = '127.0.0.1', port = {} }}\noptions.retry_connect = false\n\
         options.protocol_version = 5\n",
        broker.port()
    );
    let refusal = [&[0, 0x87, 0][..], &text("")[..0]].concat();
    let refused = std::thread::spawn(move || drop(broker.accept(&packet(0x20, &refusal))));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listener =
        format!("[[component]]\ndescriptor = 'pip-services:broker:mqtt:default:1.0'\nport = {port}\n");
    let cases = [
        ("a refusal", format!("{JSON}{connection}"), 1, "the service did not start"),
        ("a port in use", format!("{JSON}{listener}"), 1, "the service did not start"),
        ("a bad key", format!("{JSON}levle = 1\n"), 78, "unknown key `levle`"),
        (
            "a warning and a failure",
            format!("{JSON}after = ['a:b:c:d:e']\n{listener}"),
            1,
            "matches no other component",
        ),
        (
            "a level that logs nothing",
            format!("{JSON}level = 'none'\n{listener}"),
            1,
            "the service did not start",
        ),
    ];
    for (what, manifest, code, expected) in cases {
        let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml");
        assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{what}: {said}");
        let mut messages = String::new();
        for line in said.err.lines() {
            let record: serde_json::Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{what}: {error} in {line}\n{said}"));
            assert!(record["level"].is_string() && record["time"].is_string(), "{what}: {line}");
            messages.push_str(record["message"].as_str().unwrap());
            messages.push('\n');
        }
        assert!(messages.contains(expected), "{what}: {messages}");
    }
    refused.join().unwrap();
}
