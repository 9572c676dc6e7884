//! `unit`: what it writes, and what systemd's own tools say of it.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::tool::{Said, directory, wirework};

/// Where the variable is 1, a machine without systemd's tools fails the tests that need them; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_SYSTEMD";

/// How exposed a service may be by systemd's own measure, from 0 to 100.
const MOST_EXPOSED: &str = "15";

pub const TELEMETRY: &str = r#"[service]
name = "telemetry"
description = "Averages what the sensors send"
drain_delay = "3s"
timeout = "20s"

[[component]]
descriptor = "pip-services:logger:console:default:1.0"
level = "${LOG_LEVEL:-info}"

[[component]]
descriptor = "pip-services:endpoint:http:default:1.0"
connection = { host = "0.0.0.0", port = "${HTTP_PORT:-8080}" }

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
timeout = "90s"
connection = { protocol = "mqtts", host = "${MQTT_HOST:-localhost}", port = 8883 }
credential = { username = "${MQTT_USER:-telemetry}", password = "${MQTT_PASSWORD:-anything}" }
"#;

/// A service that listens at a port of the system's, keeps files, and takes a secret from one.
const DEMANDING: &str = r#"[service]
name = "Gate No. 1"

[[component]]
descriptor = "pip-services:endpoint:http:default:1.0"
connections = [{ host = "0.0.0.0", port = 80 }, { path = "/run/gate/admin.sock" }, { path = "/var/lib/gate/socket" }]

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection = { host = "broker", port = 8883, protocol = "mqtts" }
credential = { username = "gate", password = "${file:secret/mqtt}" }
"#;

/// What the command says in a folder with these files, whose path is written `<folder>`.
fn said(files: &[(&str, &str)], line: &str) -> Said {
    let directory = directory(files);
    let mut said = Said::by(wirework(directory.path()).args(line.split_whitespace()));
    let folder = directory.path().to_str().unwrap();
    said.out = said.out.replace(folder, "<folder>");
    said.err = said.err.replace(folder, "<folder>");
    said
}

#[test]
fn a_unit_of_a_manifest() {
    let files = [("service.toml", TELEMETRY)];
    let said = said(
        &files,
        "unit -c service.toml --binary /usr/local/bin/telemetry -p MQTT_USER=$a%b -p MQTT_PASSWORD=hunter2",
    );
    assert_eq!(said.code, Some(0), "{said}");
    assert!(!said.to_string().contains("hunter2"), "{said}");
    insta::assert_snapshot!(said.out);
    assert_eq!(said.err, "");
}

#[test]
fn a_unit_gives_what_the_manifest_needs() {
    let files = [("service.toml", DEMANDING), ("secret/mqtt", "hunter2"), ("parameters", "A=1\n")];
    let said = said(
        &files,
        "unit service.toml --binary /usr/bin/gate --folder /etc/gate --params parameters --user gate",
    );
    assert_eq!(said.code, Some(0), "{said}");
    assert!(!said.to_string().contains("hunter2"), "{said}");
    insta::assert_snapshot!(said.out);
}

/// Folders of logs are made by systemd, and a file that it would make a folder of is none.
#[test]
fn a_unit_says_where_the_service_may_not_write() {
    let logger = |name: &str, path: &str| {
        format!("[[component]]\ndescriptor = 'pip-services:logger:file:{name}:1.0'\npath = '{path}'\n")
    };
    let manifest = [
        logger("one", "/var/log/acme/api/one.log"),
        logger("two", "/var/log/two.log"),
        logger("three", "/srv/acme/three.log"),
    ];
    let said = said(&[("service.toml", &manifest.concat())], "unit service.toml --name acme");
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.out.lines().any(|line| line == "LogsDirectory=acme"), "{said}");
    for path in ["/var/log/two.log", "/srv/acme/three.log"] {
        let told = format!(
            "the service may not write {path}; it has folders of its own, such as for /var/lib/acme/"
        );
        assert!(said.out.contains(&format!("# WRONG: {told}")), "{said}");
        assert!(said.err.contains(&format!("warning: {told}")), "{said}");
    }
    assert!(!said.out.contains("one.log"), "{said}");
}

/// Whoever needs no network has none, and no more time than it wants.
#[test]
fn a_unit_takes_what_the_manifest_does_not_need() {
    let manifest =
        "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\ntimeout = '100ms'\n";
    let said = said(&[("service.toml", manifest)], "unit service.toml --name quiet");
    for line in [
        "RestrictAddressFamilies=AF_UNIX",
        "PrivateNetwork=yes",
        "CapabilityBoundingSet=",
        "DynamicUser=yes",
        "Description=quiet",
        "TimeoutStartSec=11s",
        "TimeoutStopSec=30s",
        "EnvironmentFile=-/etc/quiet/parameters",
    ] {
        assert!(said.out.lines().any(|one| one == line), "{line} in {said}");
    }
}

/// Telemetry that is sent is a use of the network as any other.
#[test]
fn a_unit_has_the_network_for_telemetry() {
    for component in [
        "descriptor = 'pip-services:connection:otlp:default:1.0'\n",
        "descriptor = 'pip-services:counters:prometheus:default:1.0'\npush_enabled = true\nconnection.host = 'push.example'\n",
    ] {
        let manifest = format!("[[component]]\n{component}");
        let said = said(&[("service.toml", &manifest)], "unit service.toml --name sender");
        assert!(said.out.lines().any(|line| line == "PrivateNetwork=no"), "{said}");
    }
}

#[test]
fn what_cannot_be_a_unit_is_refused() {
    let files = [
        ("service.toml", TELEMETRY),
        (
            "unnameable.toml",
            "[service]\nname = 'služba 1'\n[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n",
        ),
        (
            "digit.toml",
            "[service]\nname = '3d'\n[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n",
        ),
        (
            "wrong.toml",
            "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\nlevle = 'info'\n",
        ),
        ("empty.toml", ""),
    ];
    let mut all = String::new();
    for line in [
        "unit wrong.toml",
        "unit empty.toml",
        "unit -c -",
        "unit digit.toml",
        "unit service.toml --name _",
        "unit service.toml --user root:root",
        "kubernetes wrong.toml",
        "kubernetes -",
        "kubernetes digit.toml",
    ] {
        let said = said(&files, line);
        assert_eq!(said.out, "", "{line}: {said}");
        all.push_str(&format!("$ wirework {line}\n{said}\n"));
    }
    insta::assert_snapshot!(all);
    let converted = said(&files, "unit unnameable.toml");
    assert!(converted.out.starts_with("# slu-ba-1.service, "), "{converted}");
    let check = said(&files, "check wrong.toml");
    assert_eq!(said(&files, "unit wrong.toml").err, check.err, "the problems are those of `check`");
}

/// A program of systemd; nothing, which is said, where it is not installed.
fn systemd(program: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{program} is not installed, but {REQUIRE}=1");
        // Written past the capture of test output: what was skipped has to be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {program} is not installed");
    }
    found.map(Command::new)
}

/// Has systemd read units of these manifests.
fn units(check: impl Fn(&Path)) {
    let lonely =
        "[service]\nname = 'lonely'\n[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n";
    for manifest in [TELEMETRY, DEMANDING, lonely] {
        let directory = directory(&[("a folder/service.toml", manifest), ("a folder/secret/mqtt", "x")]);
        let line = ["unit", "-c", "a folder/service.toml", "--name", "checked", "-p", "LOG_LEVEL=info"];
        let said = Said::by(wirework(directory.path()).args(line));
        assert_eq!(said.code, Some(0), "{said}");
        let unit = directory.path().join("checked.service");
        std::fs::write(&unit, said.out).unwrap();
        check(&unit);
    }
}

#[test]
fn systemd_finds_nothing_wrong() {
    if systemd("systemd-analyze").is_none() {
        return;
    }
    units(|unit| {
        let mut analyze = systemd("systemd-analyze").unwrap();
        let said = Said::by(analyze.args(["verify", "--man=no", "--recursive-errors=no"]).arg(unit));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    });
}

#[test]
fn systemd_finds_it_well_sandboxed() {
    if systemd("systemd-analyze").is_none() {
        return;
    }
    units(|unit| {
        let mut analyze = systemd("systemd-analyze").unwrap();
        analyze.args(["security", "--offline=yes", "--no-pager", "--threshold", MOST_EXPOSED]).arg(unit);
        let said = Said::by(&mut analyze);
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.out.contains("Overall exposure level for checked.service: "), "{said}");
    });
}
