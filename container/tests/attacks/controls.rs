//! What terminals act on, in every text that comes from outside: no output of any sub-command and no log line holds it as it is.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use wirework::text::is_unsafe;

use crate::broker::{Broker, packet, text};
use crate::tool::{READING, Said, directory, wirework};

/// A title, a line of its own, a colour by a C1 character, and a change of direction.
const EVIL: &str = "e\u{1b}]0;x\u{7}\nFORGED \u{9b}31m\u{202e}z";

/// The same in a basic string of TOML, as raw as that may be.
const QUOTED: &str = "\"e\\u001b]0;x\\u0007\\nFORGED \u{9b}31m\u{202e}z\"";

/// Fails where a character that a terminal acts on, or a line that the text forged, is in what was said.
fn is_harmless(said: &Said, what: &str) {
    assert!(said.code.is_some(), "{what}: killed");
    let all = format!("{}{}", said.out, said.err);
    let found: Vec<_> = all.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {:?}", lines_with(&all, |c| c != '\n' && is_unsafe(c)));
    assert!(!all.lines().any(|line| line.trim_start().starts_with("FORGED")), "{what}: {all}");
    assert!(!said.err.contains("panicked"), "{what}: {all}");
}

fn lines_with(text: &str, found: impl Fn(char) -> bool + Copy) -> Vec<&str> {
    text.lines().filter(|line| line.contains(found)).collect()
}

fn run(directory: &Path, line: &str, more: &[&str]) -> Said {
    Said::by(wirework(directory).args(line.split(' ')).args(more))
}

/// A manifest through every sub-command that reads one.
fn probe(manifest: &str, lines: &[&str], what: &str) {
    let directory = directory(&[("service.toml", manifest)]);
    for line in lines {
        is_harmless(
            &run(directory.path(), line, &["-c", "service.toml"]),
            &format!("{what}, {line}\n{manifest}"),
        );
    }
}

/// Every component that the binary can make: a descriptor of it, and its keys with what they take.
fn components() -> Vec<(String, Vec<(String, String)>)> {
    let all = Said::line(&[], "components --format json").json();
    let patterns: Vec<_> =
        all.as_array().unwrap().iter().map(|one| one["pattern"].as_str().unwrap().to_owned()).collect();
    patterns
        .iter()
        .map(|pattern| {
            let described = Said::line(&[], &format!("describe {pattern} --format json")).json();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let keys = described[0]["keys"].as_array().unwrap();
            let keys = keys.iter().map(|key| (text(&key["key"]), text(&key["type"]))).collect();
            let tokens: Vec<_> =
                pattern.split(':').map(|token| if token == "*" { "default" } else { token }).collect();
            (tokens.join(":"), keys)
        })
        .collect()
}

/// A line that sets the key to the text, wherever the key takes one.
fn setting(path: &str, kind: &str) -> Option<String> {
    let value = match kind {
        _ if kind.starts_with("table of string") => format!("{{ {QUOTED} = {QUOTED} }}"),
        _ if kind.starts_with("table") || kind.starts_with("list of table") => return None,
        _ if kind.starts_with("list of string") => format!("[{QUOTED}]"),
        // Also where it is no text that is wanted: the message says what was found.
        _ => QUOTED.to_owned(),
    };
    let path = path.replace("<key>", QUOTED);
    Some(match path.split_once(".*.") {
        Some((list, rest)) => format!("{list} = [{{ {rest} = {value} }}]"),
        None => format!("{path} = {value}"),
    })
}

#[test]
fn in_every_key_of_every_component() {
    let mut count = 0;
    for (descriptor, keys) in components() {
        let section = format!("[[component]]\ndescriptor = \"{descriptor}\"\n");
        let mut all = section.clone();
        for (path, kind) in &keys {
            let Some(setting) = setting(path, kind) else { continue };
            count += 1;
            probe(&format!("{section}{setting}\n"), &["check", "print"], path);
            // Tables in a list are given once.
            if !path.contains(".*.") {
                writeln!(all, "{setting}").unwrap();
            }
        }
        probe(&all, &READING, &descriptor);
    }
    assert!(count > 100, "only {count} keys");
}

#[test]
fn in_the_keys_of_the_container() {
    let logger = "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\n";
    let manifests = [
        format!("[service]\nname = {QUOTED}\ndescription = {QUOTED}\n{logger}"),
        format!("[service]\n{QUOTED} = {QUOTED}\ntimeout = {QUOTED}\nopen_concurrency = {QUOTED}\n{logger}"),
        format!("{QUOTED} = {QUOTED}\n{logger}"),
        format!("[{QUOTED}]\nx = 1\n{logger}"),
        format!("include = [{QUOTED}]\n{logger}"),
        format!("{logger}{QUOTED} = {QUOTED}\n"),
        format!("{logger}after = [{QUOTED}]\n"),
        format!("{logger}after = [\"a:b:c:\u{9b}31m\u{202e}:1.0\"]\n"),
        format!(
            "{logger}references.logger = {QUOTED}\nreferences.{QUOTED} = {QUOTED}\ndependencies.x = {QUOTED}\n"
        ),
        format!("{logger}timeout = {QUOTED}\ncritical = {QUOTED}\nenabled = {QUOTED}\n"),
        format!("[[component]]\ndescriptor = {QUOTED}\n"),
        "[[component]]\ndescriptor = \"a:b:c:\u{9b}31m\u{202e}:1.0\"\n".to_owned(),
        "[[component]]\ndescriptor = \"pip-services:logger:console:\u{9b}31m\u{202e}:1.0\"\n".to_owned(),
        "[[component]]\ndescriptor = \"pip-services:logger:null:\\u001b\\nFORGED:1.0\"\n".to_owned(),
        format!(
            "{logger}source = \"${{file:{}}}\"\n",
            EVIL.escape_default().to_string().replace("\\u{", "\\U{")
        ),
        format!("{logger}source = \"${{N\u{9b}\u{202e}\\nFORGED}}\"\n"),
        format!("{logger}source = \"${{NONE:?\u{9b}\u{202e}\\nFORGED}}\"\n"),
        format!("{logger}source = \"\u{1b}\u{7}\u{9b}\u{202e}\"\n"),
        format!("{logger}source = \u{9b}\u{202e}\n\u{1b}]0;x\u{7}\n"),
        format!("{logger}# \u{9b}31m\u{202e}\nlevle\t=\t\"\u{9b}\u{202e}\" # \u{9b}\n"),
    ];
    for (number, manifest) in manifests.iter().enumerate() {
        probe(manifest, &READING, &format!("manifest {number}"));
    }
}

#[test]
fn in_parameters_and_names_of_files() {
    let manifest = "[service]\nname = \"${EVIL}\"\n[[component]]\n\
        descriptor = \"pip-services:logger:console:default:1.0\"\nsource = \"${EVIL}\"\nlevel = \"${LEVEL:-info}\"\n";
    let name = format!("{EVIL}.toml");
    let directory = directory(&[(&name, manifest), ("params", &format!("EVIL\u{9b}\u{202e} = x\n{EVIL}\n"))]);
    let given = format!("EVIL={EVIL}");
    for line in READING {
        let path = directory.path();
        for more in [
            &["-c", &name, "-p", &given][..],
            &["-c", &name, "-p", &given, "-p", "LEVEL=\u{9b}\u{202e}"],
            &["-c", &name, "--params", "params"],
            &["-c", &format!("{EVIL}.none")],
            &["-c", &name, "--params", EVIL],
            &["-c", &name, "-p", EVIL],
            &["-c", &name, "--format", EVIL],
            &["-c", &name, EVIL],
        ] {
            is_harmless(&run(path, line, more), &format!("{line} {more:?}"));
        }
    }
    for line in [
        &["describe", EVIL][..],
        &["describe", EVIL, "--format", "json"],
        &["explain", EVIL],
        &[EVIL],
        &["run", "-c", EVIL],
    ] {
        is_harmless(&Said::by(wirework(directory.path()).args(line)), &format!("{line:?}"));
    }
    let pattern = "*:\u{9b}\u{202e}:*:*:*";
    for line in [["explain", pattern], ["graph", "--without"]] {
        let mut command = wirework(directory.path());
        command.args(line).args((line[0] == "graph").then_some(pattern)).args(["-c", &name, "-p", &given]);
        is_harmless(&Said::by(&mut command), &format!("{line:?}"));
    }
}

/// A service that runs with such texts at a broker that refuses it with such a reason, and says where else to go.
#[test]
fn in_what_a_broker_says() {
    for (format, version) in [("text", 5), ("json", 5), ("text", 4), ("json", 4)] {
        let broker = Broker::start();
        let manifest = format!(
            "[service]\nname = {QUOTED}\ndescription = {QUOTED}\n\
             [[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevel = 'trace'\n\
             format = '{format}'\n\
             [[component]]\ndescriptor = 'pip-services:logger:console:other:1.0'\nlevel = 'trace'\n\
             format = '{format}'\nsource = {QUOTED}\n\
             [[component]]\ndescriptor = 'pip-services:context-info:default:default:1.0'\n\
             [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\nclient_id = {QUOTED}\n\
             connection = {{ host = '127.0.0.1', port = {} }}\ncredential = {{ username = {QUOTED} }}\n\
             options = {{ retry_connect = false, protocol_version = {version} }}\n",
            broker.port()
        );
        let connack = match version {
            4 => vec![0x20, 2, 0, 5],
            _ => {
                let properties = [&[0x1f][..], &text(EVIL), &[0x1c], &text(EVIL)].concat();
                let length = u8::try_from(properties.len()).unwrap();
                packet(0x20, &[&[0, 0x87, length][..], &properties].concat())
            }
        };
        let broker = std::thread::spawn(move || {
            let mut client = broker.accept(&connack);
            while client.next().is_some() {}
        });
        let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml");
        broker.join().unwrap();
        assert_eq!(said.code, Some(1), "{said}");
        is_harmless(&said, &format!("run, {format}, MQTT {version}"));
        assert!(said.err.contains("refuses the connection"), "{said}");
    }
}

/// What a peer says is cut in a line of the log, and its length is said.
#[test]
fn a_reason_of_any_length_makes_a_short_line() {
    let broker = Broker::start();
    let manifest = format!(
        "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
         connection = {{ host = '127.0.0.1', port = {} }}\n\
         options = {{ retry_connect = false, protocol_version = 5 }}\n",
        broker.port()
    );
    let long = "r".repeat(60_000);
    let properties = [&[0x1f][..], &text(&long), &[0x1c], &text(&long)].concat();
    let mut body = vec![0, 0x87];
    // The length of the properties, 120,006, in the form of MQTT.
    body.extend([0xc6, 0xa9, 0x07]);
    body.extend(&properties);
    assert_eq!(properties.len(), 0x46 + (0x29 << 7) + (7 << 14));
    let broker = std::thread::spawn(move || {
        let mut client = broker.accept(&packet(0x20, &body));
        while client.next().is_some() {}
    });
    let said = Said::line(&[("service.toml", &manifest)], "run -c service.toml");
    broker.join().unwrap();
    assert!(said.err.contains("r… (60000 bytes)"), "{said}");
    assert!(said.err.lines().all(|line| line.len() < 1500), "{said}");
}
