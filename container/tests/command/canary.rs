//! A secret in every place where a manifest can hold one, through every sub-command: it shows nowhere.

use std::fmt::Write;

use crate::tool::{READING, Said, directory, wirework};

const CANARY: &str = "c4n4ry-s3cr3t";

const MQTT: &str = "[[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\n\
    options.retry_connect = false\n";
const STORE: &str = "[[component]]\ndescriptor = \"pip-services:credential-store:memory:default:1.0\"\n";
const DISCOVERY: &str = "[[component]]\ndescriptor = \"pip-services:discovery:memory:default:1.0\"\n";
const LOGGER: &str = "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\n";

/// What tells everything while it runs, and what cannot open, so that `run` ends.
const LAST: &str = "[[component]]\ndescriptor = \"pip-services:logger:console:last:1.0\"\nlevel = \"trace\"\n\
    [[component]]\ndescriptor = \"pip-services:connection:mqtt:last:1.0\"\n\
    options.retry_connect = false\nconnection = { host = \"127.0.0.1\", port = 1 }\n";

/// The value of a key that is shown while the service runs, such as a host; `run` is left out.
const RUNS_WITH_IT: &str = "a secret file for a known key";

/// Every sub-command in a directory with these files, the canary in the environment and in a file of parameters as
/// well; the manifest and the arguments may name them as `${CANARY}`, `${GIVEN}`, `${FILED}` and `${file:secret}`.
fn probe(lines: &[&str], files: &[(&str, &str)]) -> Vec<String> {
    let mut files = files.to_vec();
    let parameters = format!("FILED={CANARY}\n");
    files.extend([("secret", CANARY), ("params", &parameters)]);
    let directory = directory(&files);
    let mut leaks = Vec::new();
    for line in lines {
        let mut command = wirework(directory.path());
        command.args(line.split(' ')).args(["-c", "service.toml", "--params", "params", "-p"]);
        command.arg(format!("GIVEN={CANARY}")).env("CANARY", CANARY);
        let said = Said::by(&mut command);
        assert!(said.code.is_some(), "{line} was killed: {said}");
        let said = said.to_string();
        assert!(!said.contains("panicked"), "{line}: {said}");
        if said.contains(CANARY) {
            let lines = said.lines().filter(|line| line.contains(CANARY)).collect::<Vec<_>>();
            leaks.push(format!("{line}: {}", lines.join("\n    ")));
        }
    }
    leaks
}

/// What a manifest of one file holds; `run` must not run on, so each ends with a component that cannot open.
fn places() -> Vec<(&'static str, String)> {
    let section = |of: &str, keys: &str| format!("{of}{keys}\n");
    let mut places = vec![
        ("a secret in clear", section(MQTT, "credential.password = \"§\"")),
        ("the other spelling of a secret", section(MQTT, "credential.pass = \"§\"")),
        ("a password in a URI", section(MQTT, "connection.uri = \"mqtt://ann:§@localhost:1\"")),
        ("the user in a URI", section(MQTT, "connection.uri = \"mqtt://§:x@localhost:1\"")),
        ("a password in a URI that is none", section(MQTT, "connection.uri = \"mqtt//ann:§@localhost:1\"")),
        (
            "a password in a URI with a bad port",
            section(MQTT, "connection.uri = \"mqtt://ann:§@localhost:x\""),
        ),
        (
            "a password with a slash in a URI",
            section(MQTT, "connection.uri = \"mqtt://ann:a/§@localhost:1\""),
        ),
        ("a password with a blank in a URI", section(MQTT, "connection.uri = \"mqtt://user:my §@h\"")),
        ("a URI without host", section(MQTT, "connection.uri = \"mqtt://ann:§\"")),
        ("a URI without scheme", section(MQTT, "connection.uri = \"ann:my §@h\"")),
        ("an escaped URI", section(MQTT, "connection.uri = \"mqtt://ann:§%40localhost\"")),
        ("a query", section(MQTT, "connection.uri = \"mqtt://localhost:1/p?token=§\"")),
        ("a flag of a query", section(MQTT, "connection.uri = \"mqtt://localhost:1/p?§\"")),
        ("a URI for a key", section(LOGGER, "\"mqtt://ann:§@h\" = 1")),
        ("a URI for a key at the top", "\"mqtt://ann:§@h\" = 1\n".to_owned()),
        ("a URI for a descriptor", "[[component]]\ndescriptor = \"mqtt://ann:§@h\"\n".to_owned()),
        ("a URI in `after`", section(LOGGER, "after = [\"mqtt://ann:§@h\"]")),
        ("a URI for `enabled`", section(LOGGER, "enabled = \"mqtt://ann:${CANARY}@h\"")),
        ("a URI for a name", "[service]\nname = \"mqtt://ann:§@h\"\n".to_owned()),
        ("a table in `after`", section(LOGGER, "after = { password = \"§\" }")),
        ("a will", section(MQTT, "will = { topic = \"t/#\", payload = \"${file:secret}\" }")),
        ("a topic of a will", section(MQTT, "will = { topic = \"${file:secret}/#\" }")),
        ("a password in a host", section(MQTT, "connection.host = \"ann:§@localhost\"")),
        (
            "a password in a list of connections",
            section(MQTT, "connections = [{ uri = \"mqtt://a:§@h:1\" }]"),
        ),
        ("an unknown parameter of a connection", section(MQTT, "connection.parameters.token = \"§\"")),
        ("a parameter of a credential", section(MQTT, "credential.parameters.token = \"§\"")),
        ("a list of credentials", section(MQTT, "credentials = [{ user = \"a\", pass = \"§\" }]")),
        ("both spellings", section(MQTT, "credential.pass = \"§\"\ncredential.password = \"§\"")),
        (
            "a credential in a store",
            section(STORE, "credentials.mqtt = { user = \"ann\", password = \"§\" }"),
        ),
        ("a part of one in a store", section(STORE, "credentials.mqtt.parameters.token = \"§\"")),
        ("a credential that is no table", section(STORE, "credentials.mqtt = \"§\"")),
        ("credentials that are no table", section(STORE, "credentials = \"§\"")),
        ("a list for a credential", section(STORE, "credentials.mqtt = [\"§\"]")),
        ("an unknown key of a credential", section(STORE, "credentials.mqtt.passwort = \"§\"")),
        ("a table for a password", section(STORE, "credentials.mqtt.password = { value = \"§\" }")),
        ("a list for a password", section(STORE, "credentials.mqtt.password = [\"§\"]")),
        (
            "a password in a discovered URI",
            section(DISCOVERY, "connections.k = { uri = \"mqtt://a:§@h:1\" }"),
        ),
        ("a string for a connection", section(DISCOVERY, "connections.k = \"mqtt://a:§@h:1\"")),
        ("a parameter of a discovered connection", section(DISCOVERY, "connections.k.parameters.t = \"§\"")),
        ("a wrong type in a list", section(DISCOVERY, "connections.k = [\"§\"]")),
        ("an unknown key", section(LOGGER, "token = \"§\"")),
        ("an unknown table", section(LOGGER, "secrets.token = \"§\"\nsecrets.list = [\"§\", { a = \"§\" }]")),
        ("a table for a string", section(LOGGER, "source = { token = \"§\" }")),
        ("an unknown component", "[[component]]\ndescriptor = \"a:b:c:d:1.0\"\ntoken = \"§\"\n".to_owned()),
        ("lists of an unknown component", {
            "[[component]]\ndescriptor = \"a:b:c:d:1.0\"\ntokens = [\"§\", [\"§\"], { t = \"§\" }]\n"
                .to_owned()
        }),
        ("a disabled component", section(STORE, "enabled = false\ncredentials.mqtt = \"§\"\nother = \"§\"")),
        ("a section without descriptor", "[[component]]\ntoken = \"§\"\n".to_owned()),
        ("a key at the top", "token = \"§\"\n".to_owned()),
        ("a table at the top", "[secrets]\ntoken = \"§\"\n".to_owned()),
        ("a key of the service", "[service]\ntoken = \"§\"\n".to_owned()),
        ("components that are none", "component = \"§\"\n".to_owned()),
        ("a component that is none", "component = [\"§\"]\n".to_owned()),
        ("a string that does not end", section(STORE, "credentials.mqtt.password = \"§")),
        ("a string without quotes", section(STORE, "credentials.mqtt.password = §")),
        ("a string of two", section(STORE, "credentials.mqtt.password = \"x\" §")),
        ("a bad escape", section(STORE, "credentials.mqtt.password = \"\\q§\"")),
        (
            "a bracket that is missing",
            section(STORE, "after = [\"*:a:*:*:*\"\ncredentials.k.password = \"§\""),
        ),
        ("a quote that is missing", section(STORE, "after = [\"*:a:*:*:*]\ncredentials.k.password = \"§\"")),
        ("a brace that is missing", section(STORE, "credentials.k = { password = \"§\"\nafter = []")),
        ("behind a comma of `after`", section(STORE, "after = [\"*:a:*:*:*\", §")),
        ("behind `after`", section(STORE, "after = [] §")),
        ("behind a reference", section(STORE, "references.logger = \"*:a:*:*:*\", §")),
        ("behind `include`", "include = [\"x\", §\n".to_owned()),
        ("a line that begins with a bracket", section(STORE, "[§")),
        ("a header that is none", section(STORE, "[[§]")),
        ("behind a header", section(STORE, "[component.x] §")),
        ("before an equals sign", section(STORE, "credentials k § = 1")),
        ("a key without value", section(STORE, "§ =")),
        ("a key given twice beside a mistake", section(STORE, "§ = 1\n§ = 2\nx =")),
        ("a part of a dotted key", section(STORE, "credentials.§.password = x y")),
        ("a string of three quotes that does not end", section(STORE, "credentials.k.password = '''\n§")),
        ("a bad date", section(STORE, "credentials.k.password = 2020-99-§")),
        ("a bad number", section(STORE, "credentials.k.password = 0x§")),
        ("a bad Unicode escape", section(STORE, "credentials.k.password = \"\\u§\"")),
        ("a NUL", section(STORE, "credentials.k.password = \"\u{0}§\"")),
        ("a carriage return", section(STORE, "credentials.k.password = \"x\"\r§")),
        ("a default without its colon", section(STORE, "credentials.k.password = \"${A-§}\"")),
        ("a name that is none", section(STORE, "credentials.k.password = \"${§\"")),
        ("a line that is no TOML", section(STORE, "credentials.mqtt.password: §")),
        ("a string over several lines", section(STORE, "credentials.mqtt.password = \"\"\"\n§\n§")),
        ("a duplicate key", section(STORE, "credentials.k.password = \"§\"\ncredentials.k.password = \"§\"")),
        ("a comment", section(LOGGER, "levle = 5 # the password is §")),
        ("a bad parameter", section(STORE, "credentials.k.password = \"${A B}§\"")),
        ("a default", section(STORE, "credentials.k.password = \"${NONE:-§}\"")),
        ("a message", section(STORE, "credentials.k.password = \"x${NONE}§\"")),
    ];
    // What comes from elsewhere is no less secret; where it must be masked although the key is known, only a secret
    // file counts as secret.
    let from = ["${CANARY}", "${GIVEN}", "${FILED}", "${file:secret}", "${CANARY:-x}", "a${CANARY}b"];
    for text in from {
        places.push((
            "the secret from a parameter",
            section(STORE, &format!("credentials.k.password = \"{text}\"")),
        ));
        places.push(("an unknown key from a parameter", section(LOGGER, &format!("token = \"{text}\""))));
        places.push((
            "a URI from a parameter",
            section(MQTT, &format!("connection.uri = \"mqtt://a:{text}@h:1\"")),
        ));
        places.push(("a list from a parameter", section(LOGGER, &format!("tokens = [\"{text}\"]"))));
    }
    for key in [
        "level",
        "format",
        "source",
        "timeout",
        "critical",
        "enabled",
        "after",
        "references",
        "references.logger",
        "references.x",
        "dependencies.x",
        "colour",
    ] {
        places.push((RUNS_WITH_IT, section(LOGGER, &format!("{key} = \"${{file:secret}}\""))));
    }
    places.push(("a secret file in `after`", section(LOGGER, "after = [\"${file:secret}\"]")));
    places.push((
        "a secret file in the descriptor",
        "[[component]]\ndescriptor = \"${file:secret}\"\n".to_owned(),
    ));
    places.push(("a secret file in `include`", "include = [\"${file:secret}\"]\n".to_owned()));
    places.push(("a secret file for a port", section(MQTT, "connections = [{ port = \"${file:secret}\" }]")));
    places.push((RUNS_WITH_IT, section(MQTT, "connection.host = \"${file:secret}\"")));
    places.push((RUNS_WITH_IT, section(MQTT, "client_id = \"${file:secret}\"")));
    for key in ["name", "description", "timeout", "open_concurrency"] {
        places.push((RUNS_WITH_IT, format!("[service]\n{key} = \"${{file:secret}}\"\n")));
    }
    places
}

#[test]
fn a_secret_shows_nowhere() {
    let mut leaks = String::new();
    for (place, manifest) in places() {
        let manifest = manifest.replace('§', CANARY);
        let runs = (place != RUNS_WITH_IT).then_some("run");
        let lines: Vec<_> = READING.into_iter().chain(runs).collect();
        let mut found = probe(&lines, &[("service.toml", &format!("{manifest}\n{LAST}"))]);
        let including = format!("include = [\"more/common.toml\"]\n{LAST}");
        found.extend(probe(
            &["check", "print"],
            &[("service.toml", &including), ("more/common.toml", &manifest)],
        ));
        for leak in found {
            writeln!(leaks, "{place}, {leak}\n  in {manifest}").unwrap();
        }
    }
    assert!(leaks.is_empty(), "{leaks}");
}

/// A value that lost its name on the command line.
#[test]
fn a_bad_command_line_repeats_no_secret() {
    let directory = directory(&[("service.toml", ""), ("params", &format!("{CANARY} and more\n"))]);
    for arguments in
        [&["-p", CANARY][..], &["-p", "=c4n4ry-s3cr3t"], &["-p", "c4n4ry-s3cr3t=x"], &["--params", "params"]]
    {
        for command in ["check", "graph", "explain", "print", "run"] {
            let said = Said::by(
                wirework(directory.path()).arg(command).args(["-c", "service.toml"]).args(arguments),
            );
            assert!(matches!(said.code, Some(2 | 78)), "{said}");
            assert!(!said.to_string().contains(CANARY), "{said}");
        }
    }
}
