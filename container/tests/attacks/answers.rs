//! Answers that cannot be written, and log lines that must be JSON to the last.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::broker::{Broker, packet, text};
use crate::tool::{READING, Said, directory, wirework};

const MANIFEST: &str = "[[component]]\ndescriptor = 'pip-services:context-info:default:default:1.0'\n";

/// Those that read no manifest.
const OTHERS: [&str; 8] = [
    "components",
    "components --format json",
    "describe logger",
    "describe logger --format json",
    "schema",
    "--help",
    "check --help",
    "--version",
];

/// Every sub-command that only answers, in a directory with a manifest, its answer going to `out`.
fn each_answer(out: impl Fn() -> Stdio, see: impl Fn(&str, Option<i32>, &str)) {
    let directory = directory(&[("service.toml", MANIFEST)]);
    let with_manifest = READING.map(|line| format!("{line} -c service.toml"));
    for line in with_manifest.iter().map(String::as_str).chain(OTHERS) {
        let mut command = wirework(directory.path());
        let output = command.args(line.split(' ')).stdout(out()).stderr(Stdio::piped()).output().unwrap();
        see(line, output.status.code(), &String::from_utf8(output.stderr).unwrap());
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap().into();
    each_answer(full, |line, code, err| {
        assert_eq!(code, Some(1), "{line}: {err}");
        assert!(err.starts_with("error: cannot write to stdout: "), "{line}: {err}");
        assert_eq!(err.lines().count(), 1, "{line}: {err}");
    });
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let closed = || std::io::pipe().unwrap().1.into();
    each_answer(closed, |line, code, err| assert_eq!((code, err), (Some(0), ""), "{line}"));
}

#[test]
fn nothing_to_run_is_an_error_unless_it_is_allowed() {
    let empty = [("service.toml", "[service]\nname = 'empty'\n")];
    let said = Said::line(&empty, "run -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(said.err.contains("error[NO_COMPONENTS]") && said.err.contains("--allow-empty"), "{said}");
    let checked = Said::line(&empty, "check -c service.toml");
    assert_eq!((checked.code, &checked.err), (Some(78), &said.err), "judged the same: {checked}");
    let said = Said::line(&empty, "check -c service.toml --allow-empty");
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
