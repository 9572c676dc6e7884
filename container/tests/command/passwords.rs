//! Passwords that discovery would lead to a server without TLS.

use crate::tool::{Said, directory, wirework};

const DISCOVERY: &str = "[[component]]\ndescriptor = \"pip-services:discovery:memory:default:1.0\"\n";
const MQTT: &str = "[[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\n\
    connection.discovery_key = \"site\"\n";
const PASSWORD: &str = "credential = { username = \"ann\", password = \"${P}\" }\n";

fn check(manifest: &str) -> Said {
    let directory = directory(&[("service.toml", manifest)]);
    Said::by(wirework(directory.path()).args(["check", "-c", "service.toml", "-p", "P=canary"]))
}

#[test]
fn a_password_that_discovery_leads_to_a_plain_server_is_warned_of() {
    for (listed, asked) in [
        ("connections.site = { host = \"broker\" }", ""),
        ("connections.site = { uri = \"mqtt://broker\" }", ""),
        ("connections.site = [{ uri = \"mqtts://a\" }, { host = \"b\" }]", ""),
        ("connections.site = { uri = \"mqtts://broker\" }", "connection.protocol = \"ws\"\n"),
    ] {
        let said = check(&format!("{MQTT}{asked}{PASSWORD}\n{DISCOVERY}{listed}\n"));
        let warned = "`connection.discovery_key` leads to a server that is reached without TLS: the password";
        assert!(said.code == Some(0) && said.err.contains(warned), "{listed}: {said}");
        assert!(said.err.contains("the server is listed here"), "{listed}: {said}");
        assert!(!said.to_string().contains("canary"), "{said}");
    }
    let queue = "[[component]]\ndescriptor = \"pip-services:message-queue:mqtt:orders:1.0\"\n\
        connections = [{ discovery_key = \"site\" }]\ncredential.store_key = \"k\"\n\
        [[component]]\ndescriptor = \"pip-services:credential-store:env:default:1.0\"\n";
    let said = check(&format!("{queue}{DISCOVERY}connections.site = {{ host = \"broker\" }}\n"));
    assert!(said.err.contains("`connections.0.discovery_key` leads to a server"), "{said}");
}

#[test]
fn what_is_protected_or_not_asked_is_not_warned_of() {
    let other = "[[component]]\ndescriptor = \"pip-services:discovery:memory:other:1.0\"\n\
        connections.site = { host = \"localhost\" }\n";
    for (listed, asked) in [
        ("connections.site = { uri = \"mqtts://broker\" }", PASSWORD.to_owned()),
        ("connections.site = { host = \"broker\" }", String::new()),
        ("connections.site = { host = \"localhost\" }", PASSWORD.to_owned()),
        ("connections.site = { host = \"broker\" }", format!("connection.protocol = \"mqtts\"\n{PASSWORD}")),
        (
            "connections.site = { host = \"broker\" }",
            format!("references.discovery = \"pip-services:discovery:memory:other:1.0\"\n{PASSWORD}"),
        ),
    ] {
        let said = check(&format!("{MQTT}{asked}\n{DISCOVERY}{listed}\n{other}"));
        assert!(said.code == Some(0) && !said.err.contains("PASSWORD_UNPROTECTED"), "{listed}: {said}");
    }
}

/// What the file of `discovery:file` lists, and what the environment names, is known before the service runs.
#[test]
fn a_plain_server_in_a_file_or_in_the_environment_is_warned_of() {
    let file = "[[component]]\ndescriptor = \"pip-services:discovery:file:default:1.0\"\npath = \"d.toml\"\n";
    let variable = "[[component]]\ndescriptor = \"pip-services:discovery:env:default:1.0\"\n";
    for (discovery, listed, named) in [
        (file, "site = { host = 'broker' }", "path = "),
        (file, "site = { uri = 'mqtt://ann:canary@broker' }", "path = "),
        (variable, "", "[[component]]"),
    ] {
        let password = if listed.contains('@') { "" } else { PASSWORD };
        let directory =
            directory(&[("service.toml", &format!("{MQTT}{password}{discovery}")), ("d.toml", listed)]);
        let mut command = wirework(directory.path());
        command.args(["check", "-c", "service.toml", "-p", "P=canary"]);
        let said = Said::by(command.env("DISCOVERY_SITE", "mqtt://broker"));
        let warned = "`connection.discovery_key` leads to a server that is reached without TLS: the password";
        assert!(said.code == Some(0) && said.err.contains(warned), "{listed}: {said}");
        let (_, related) = said.err.split_once("the server is listed here").unwrap();
        assert!(related.contains(named), "{said}");
        assert!(!said.to_string().contains("canary"), "{said}");
    }
}
