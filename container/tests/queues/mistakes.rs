//! Manifests of queues with mistakes, and why queues went where they went.

use crate::tool::{Said, directory, wirework};

const GOOD: &str = include_str!("good.toml");
const BAD: &str = include_str!("bad.toml");
const INVALID: &str = include_str!("invalid.toml");
const LOOPS: &str = include_str!("loops.toml");
const FORGETFUL: &str = include_str!("forgetful.toml");
const TEMPLATES: &str = include_str!("templates.toml");
const FORWARDING: &str = include_str!("forwarding.toml");
const UNFIT: &str = include_str!("unfit.toml");
/// What the file of `discovery:file` in it lists.
const LISTED: &str = "site = { host = 'h', protocol = 'http' }\nsocket = { uri = 'mqtt://h/path' }\n";
const CONTRADICTING: &str = include_str!("contradicting.toml");

#[test]
fn every_mistake_has_its_place_and_what_would_do() {
    let said = Said::line(&[("service.toml", BAD)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    insta::assert_snapshot!(said);
}

/// What no type can say is told before anything is made.
#[test]
fn values_that_make_no_sense() {
    let said = Said::line(&[("service.toml", INVALID)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    insta::assert_snapshot!(said);
}

/// What shows only when components meet is told before anything opens.
#[test]
fn references_that_make_no_sense() {
    let said = Said::line(&[("service.toml", CONTRADICTING)], "run -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    let text = said.to_string();
    assert!(text.contains("error[MESSAGE_LOOP]: messages would go round for ever: "), "{text}");
}

/// Each of these is a section that is sound by itself, and that `create` or `open` of its component would refuse.
#[test]
fn sections_that_do_not_go_together() {
    let files = directory(&[("service.toml", UNFIT), ("d.toml", LISTED)]);
    let said = Said::by(wirework(files.path()).args(["check", "-c", "service.toml"]));
    assert_eq!(said.code, Some(78), "{said}");
    let folder = files.path().canonicalize().unwrap();
    insta::assert_snapshot!(said.to_string().replace(folder.to_str().unwrap(), "<folder>"));
}

/// With no connection there is none to share; a message says whether one is merely not enabled.
#[test]
fn a_queue_without_a_connection() {
    let queue = "[[component]]\ndescriptor = 'pip-services:message-queue:mqtt:work:1.0'\n";
    let connection = "[[component]]\ndescriptor = 'pip-services:connection:mqtt:main:1.0'\nconnection.host = 'h'\nenabled = false\n";
    let none = "error[NO_CONNECTION]: `connection` is not given, and there is no MQTT connection to share";
    let factory = queue.replace("message-queue", "queue-factory");
    for (text, more) in [
        (queue.to_owned(), "\n"),
        (factory, "\n"),
        (
            format!("{queue}{connection}"),
            "; `pip-services:connection:mqtt:main:1.0` would be one, but is not enabled\n",
        ),
    ] {
        let said = Said::line(&[("service.toml", &text)], "check -c service.toml");
        assert!(said.code == Some(78) && said.err.contains(&format!("{none}{more}")), "{said}");
    }
}

/// Circles of any length, with their places; what only looks like one is left alone.
#[test]
fn messages_that_would_go_round() {
    let said = Said::line(&[("service.toml", LOOPS)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    let text = said.to_string();
    assert_eq!(text.matches("MESSAGE_LOOP").count(), 3, "{text}");
    assert!(!text.contains("mqtt:far"), "{text}");
    let name = |kind: &str, name: &str| format!("`pip-services:{kind}:{name}:1.0`");
    let dead = |queue| format!("{} (by its dead letters)", name("message-queue:mqtt", queue));
    let bridge = |bridge| format!("{} (by the bridge)", name("bridge:message-queue", bridge));
    for circle in [
        format!("error[MESSAGE_LOOP]: messages would go round for ever: {} → {} → ", dead("a"), dead("b")),
        format!("for ever: {} → {} → {} → ", bridge("first"), bridge("second"), bridge("third")),
        format!("warning[MESSAGE_LOOP]: messages may go round: {} → {} → ", dead("work"), bridge("redrive")),
        "`dead_letter_topic` is a topic that the queue takes from".to_owned(),
    ] {
        assert!(text.contains(&circle), "{circle}: {text}");
    }
}

/// A bridge completes what a target has taken that may forget it.
#[test]
fn targets_that_forget_in_a_crash_what_the_source_would_keep() {
    let said = Said::line(&[("service.toml", FORGETFUL)], "check -c service.toml");
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(said.to_string().matches("warning[NOT_DURABLE]").count(), 1, "{said}");
    insta::assert_snapshot!(said);
}

/// Parts of a connection that have no effect.
#[test]
fn what_a_connection_says_and_nobody_takes() {
    let text = "[service]\nname = \"s\"\n\n[[component]]\ndescriptor = \"pip-services:connection:mqtt:a:1.0\"\n\
                connection.uri = \"mqtt://h/topic?client_id=canary\"\nconnection.host = \"h\"\n\
                connection.parameters.qos = \"1\"\n";
    let said = Said::line(&[("service.toml", text)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(!said.to_string().contains("canary"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn why_queues_went_where_they_went() {
    let files = [("service.toml", GOOD)];
    let said = Said::line(&files, "check -c service.toml");
    assert_eq!(said.out, "ok: 8 components, 11 references, 0 errors, 0 warnings\n", "{said}");
    insta::assert_snapshot!(Said::line(&files, "explain -c service.toml *:bridge:*:*:*").out);
    let explained = Said::line(&files, "explain -c service.toml *:queue-factory:mqtt:*:*").out;
    assert!(explained.contains("taken      pip-services:connection:mqtt:default:1.0"), "{explained}");
}

#[test]
fn the_graph_shows_from_where_to_where() {
    let line = "graph -c service.toml --without *:logger:*:*:*";
    insta::assert_snapshot!(Said::line(&[("service.toml", GOOD)], line).out);
}

#[test]
fn topics_that_are_no_templates() {
    let said = Said::line(&[("service.toml", TEMPLATES)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    insta::assert_snapshot!(said);
}

/// What a queue does not take of its own connection leads nowhere.
#[test]
fn messages_that_come_back_over_a_connection_that_takes_none_of_its_own() {
    let mut text = "[service]\nname = \"s\"\n".to_owned();
    for (name, other) in [("a", "b"), ("b", "a")] {
        text.push_str(&format!(
            r#"
[[component]]
descriptor = "pip-services:connection:mqtt:{name}:1.0"
connection.host = "{name}"
options.protocol_version = "5"

[[component]]
descriptor = "pip-services:message-queue:mqtt:from-{name}:1.0"
references.connection = "*:connection:mqtt:{name}:1.0"
topic = "a/#"
options = {{ qos = 1, no_local = true }}

[[component]]
descriptor = "pip-services:message-queue:mqtt:to-{name}:1.0"
references.connection = "*:connection:mqtt:{name}:1.0"
topic = "{{topic}}"
options.qos = 1

[[component]]
descriptor = "pip-services:bridge:message-queue:to-{other}:1.0"
references.source = "*:message-queue:mqtt:from-{name}:1.0"
references.target = "*:message-queue:mqtt:to-{other}:1.0"
"#
        ));
    }
    let check = |text: &str| Said::line(&[("service.toml", text)], "check -c service.toml").to_string();
    assert!(!check(&text).contains("MESSAGE_LOOP"), "{}", check(&text));
    // One that takes them of one side is enough for none to go round; both are not.
    let one = text.replacen("no_local = true", "no_local = false", 1);
    assert!(!check(&one).contains("MESSAGE_LOOP"), "{}", check(&one));
    let both = text.replace("no_local = true", "no_local = false");
    assert!(check(&both).contains("error[MESSAGE_LOOP]"), "{}", check(&both));
    // Over another connection to the same broker they do come.
    let elsewhere = text
        .replace(
            "descriptor = \"pip-services:message-queue:mqtt:to-a:1.0\"\n",
            "descriptor = \"pip-services:message-queue:mqtt:to-a:1.0\"\nconnection.host = \"a\"\n",
        )
        .replace(
            "descriptor = \"pip-services:message-queue:mqtt:to-b:1.0\"\n",
            "descriptor = \"pip-services:message-queue:mqtt:to-b:1.0\"\nconnection.host = \"b\"\n",
        );
    assert!(check(&elsewhere).contains("error[MESSAGE_LOOP]"), "{}", check(&elsewhere));
}

/// Topics that messages bring are followed through circles.
#[test]
fn messages_that_would_go_round_under_their_own_topics() {
    let said = Said::line(&[("service.toml", FORWARDING)], "check -c service.toml");
    assert_eq!(said.out, "ok: 8 components, 8 references, 0 errors, 0 warnings\n", "{said}");
    for (from, to, expected) in [
        // All commands of b come back to b, and the other way round.
        ("factory/+/set", "factory/+/temp", "error[MESSAGE_LOOP]: messages would go round for ever: "),
        ("topic = \"factory/+/temp\"", "topic = \"#\"", "warning[MESSAGE_LOOP]: messages may go round: "),
        ("dead/{topic}", "factory/dead/set", "`dead_letter_topic` is a topic that the queue takes from"),
        (
            "connection.host = \"b\"",
            "connection.host = \"a\"",
            "`pip-services:bridge:message-queue:up:1.0` (by the bridge) → `pip-services:bridge:message-queue:up:1.0`",
        ),
    ] {
        let text = FORWARDING.replace(from, to);
        let said = Said::line(&[("service.toml", &text)], "check -c service.toml").to_string();
        assert!(said.contains(expected), "{to}: {said}");
    }
    let prefixed = FORWARDING.replace("topic = \"{topic}\"", "topic = \"other/{topic}\"");
    for host in ["a", "b"] {
        let text = prefixed.replace("connection.host = \"b\"", &format!("connection.host = \"{host}\""));
        let said = Said::line(&[("service.toml", &text)], "check -c service.toml");
        assert_eq!(said.code, Some(0), "{host}: {said}");
    }
}
