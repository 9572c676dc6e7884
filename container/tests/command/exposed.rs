//! Files of secrets that others can read: each kind is warned of with one code and in the same words, by `check` and by `run`.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::tool::{Said, directory, wirework};

const MANIFEST: &str = r#"[[component]]
descriptor = "pip-services:credential-store:file:default:1.0"
path = "secrets"

[[component]]
descriptor = "pip-services:discovery:file:default:1.0"
path = "discovery.toml"

[[component]]
descriptor = "pip-services:connection:mqtt:one:1.0"
client_id = "agent-${file:machine-id}"
connection.host = "127.0.0.1"
credential = { username = "ann", password = "${file:password}" }

[[component]]
descriptor = "pip-services:connection:mqtt:two:1.0"
connection.uri = "mqtt://ann:${file:password}@127.0.0.1"

[[component]]
descriptor = "pip-services:connection:mqtt:three:1.0"
connection.discovery_key = "near"
credential.store_key = "mqtt"

[[component]]
descriptor = "pip-services:broker:mqtt:default:1.0"
port = 18830
credential.store_key = "mqtt"
"#;

/// Whose files have this mode.
fn said(mode: u32, command: &str) -> Said {
    let files = [
        ("service.toml", MANIFEST),
        ("machine-id", "4d3c"),
        ("password", "hunter2"),
        ("secrets/mqtt_username", "ann"),
        ("secrets/mqtt_password", "hunter2"),
        ("discovery.toml", "near = { uri = 'mqtt://ann:hunter2@127.0.0.1' }"),
    ];
    let directory = directory(&files);
    for (name, _) in files {
        fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut said = Said::by(wirework(directory.path()).args([command, "service.toml"]));
    said.err = said.err.replace(directory.path().to_str().unwrap(), "<folder>");
    said
}

#[test]
fn every_kind_of_secret_that_others_can_read_is_warned_of() {
    let open = said(0o644, "check");
    assert_eq!(open.code, Some(0), "{open}");
    insta::assert_snapshot!(open.err);
    let count = |said: &Said| said.err.matches("warning[EXPOSED_SECRET]").count();
    let written = said(0o660, "check");
    assert_eq!(count(&written), count(&open), "{written}");
    assert!(written.err.contains("can be written by others; end that with `chmod g-w,o=`"), "{written}");
    for private in [0o600, 0o640] {
        let said = said(private, "check");
        assert_eq!((count(&said), said.code), (0, Some(0)), "{said}");
    }
}

#[test]
fn run_warns_as_check_does() {
    let warnings = |said: &Said| {
        let titles = said.err.lines().filter(|line| line.starts_with("warning[EXPOSED_SECRET]"));
        titles.map(str::to_owned).collect::<Vec<_>>()
    };
    let files = [
        (
            "service.toml",
            "[[component]]\ndescriptor = 'pip-services:connection:mqtt:one:1.0'\n\
        connection = { host = '127.0.0.1', port = 1 }\noptions.retry_connect = false\n\
        credential = { username = 'ann', password = '${file:password}' }\n",
        ),
        ("password", "x"),
    ];
    let directory = directory(&files);
    let path: &Path = directory.path();
    fs::set_permissions(path.join("password"), fs::Permissions::from_mode(0o644)).unwrap();
    let [check, run] =
        ["check", "run"].map(|command| Said::by(wirework(path).args([command, "service.toml"])));
    assert_eq!((warnings(&check).len(), warnings(&check)), (1, warnings(&run)), "{run}");
}

/// A file of parameters counts as what its parameters are used for.
#[test]
fn files_of_parameters_are_looked_at() {
    let manifest = "[[component]]\ndescriptor = 'pip-services:connection:mqtt:one:1.0'\n\
        client_id = '${ID}'\nconnection.host = '127.0.0.1'\n\
        credential = { username = 'ann', password = '${PASSWORD}' }\n";
    let directory =
        directory(&[("service.toml", manifest), ("env", "ID=7\nPASSWORD=hunter2\n"), ("id", "ID=7\n")]);
    for name in ["env", "id"] {
        fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let said = |line: &str| {
        let said = Said::by(wirework(directory.path()).args(line.split(' ')));
        assert_eq!(said.code, Some(0), "{said}");
        said.err
    };
    let exposed = said("check service.toml --params env");
    assert!(
        exposed.contains("warning[EXPOSED_SECRET]: the secret `credential.password` is in the file `"),
        "{exposed}"
    );
    assert!(exposed.contains("/env`, which can be read by others; end that with `chmod o=`"), "{exposed}");
    assert_eq!(exposed.matches("EXPOSED_SECRET").count(), 1, "{exposed}");
    for hidden in ["--params env -p PASSWORD=x", "--params id -p PASSWORD=x"] {
        let said = said(&format!("check service.toml {hidden}"));
        assert!(!said.contains("EXPOSED_SECRET"), "{said}");
    }
}

#[test]
fn a_token_that_others_can_read_is_refused_in_the_same_words() {
    let manifest = "[[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\n\
        [[component]]\ndescriptor = 'pip-services:admin-controller:http:default:1.0'\noptions.token_file = 'token'\n";
    let directory = directory(&[("service.toml", manifest), ("token", "0123456789abcdef0123456789abcdef")]);
    fs::set_permissions(directory.path().join("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = Said::by(wirework(directory.path()).args(["check", "service.toml"]));
    assert_eq!(said.code, Some(78), "{said}");
    assert!(said.err.contains("error[EXPOSED_SECRET]"), "{said}");
    assert!(said.err.contains("which can be read by others; end that with `chmod o=`"), "{said}");
}

/// The private keys of both sides; that they are none is another matter.
#[test]
fn private_keys_are_looked_at() {
    let tls = "tls = { cert_file = 'cert.pem', key_file = 'key.pem' }\n";
    let manifest = format!(
        "[[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\nconnection.protocol = 'https'\n{tls}\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\nconnection.uri = 'mqtts://localhost'\n{tls}"
    );
    let directory = directory(&[("service.toml", &manifest), ("cert.pem", ""), ("key.pem", "")]);
    fs::set_permissions(directory.path().join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = Said::by(wirework(directory.path()).args(["check", "service.toml"]));
    let expected = "warning[EXPOSED_SECRET]: `tls.key_file` names the private key `";
    assert_eq!(said.err.matches(expected).count(), 2, "{said}");
}
