//! Values of stock components that they cannot work with, or that were hardly meant so.

use crate::tool::Said;

/// What the types allow and the components cannot work with, each with its place, and nothing secret.
#[test]
fn values_that_stock_components_cannot_work_with() {
    let manifest = r#"
[[component]]
descriptor = "pip-services:broker:mqtt:default:1.0"
max_connections = 0
allow_anonymous = false

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection = { uri = "http://ann:canary@localhost" }
connections = [{ host = "a" }, { host = "b", protocol = "http" }]
options.clean_session = false
will = { topic = "a/#", payload = "gone" }

[[component]]
descriptor = "pip-services:connection:mqtt:other:1.0"

[[component]]
descriptor = "pip-services:message-queue:mqtt:orders:1.0"
group = "a/b"
options = { qos = 3, capacity = 0 }
"#;
    let said = Said::line(&[("service.toml", manifest)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    assert!(!said.to_string().contains("canary"), "{said}");
    assert_eq!(said.out, "not ok: 4 components, 2 references, 12 errors, 1 warning\n", "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn ports_that_say_otherwise_than_the_protocol_are_warned_of() {
    let manifest = r#"
[[component]]
descriptor = "pip-services:connection:mqtt:one:1.0"
connection.host = "broker"
connection.port = 8883

[[component]]
descriptor = "pip-services:connection:mqtt:two:1.0"
connection.uri = "mqtts://ann:canary@broker:1883"

[[component]]
descriptor = "pip-services:message-queue:mqtt:orders:1.0"
references.connection = "pip-services:connection:mqtt:one:1.0"
connections = [{ host = "a", port = 8883, protocol = "mqtts" }, { host = "b", port = 8883 }]
"#;
    let said = Said::line(&[("service.toml", manifest)], "check -c service.toml");
    assert_eq!(said.code, Some(0), "{said}");
    assert!(!said.to_string().contains("canary"), "{said}");
    assert_eq!(said.to_string().matches("warning[DOUBTFUL_VALUE]").count(), 4, "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn control_characters_in_topics_are_errors_unless_permitted() {
    let manifest = |permits: bool| {
        format!(
            r#"
[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection.host = "broker"
will.topic = "gone\nagain"
options.allow_control_characters = {permits}

[[component]]
descriptor = "pip-services:message-queue:mqtt:orders:1.0"
topic = "orders\t"
dead_letter_topic = "dead\u007f"
options.allow_control_characters = {permits}
"#
        )
    };
    let said = Said::line(&[("service.toml", &manifest(false))], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    for key in [
        "`will.topic` cannot be published to",
        "`topic` has a control character",
        "`dead_letter_topic` has a control",
    ] {
        assert!(said.to_string().contains(key), "{key}: {said}");
    }
    let said = Said::line(&[("service.toml", &manifest(true))], "check -c service.toml");
    assert_eq!(said.code, Some(0), "{said}");
}

/// A value of a wrong type hides none that is out of range, none that contradicts another, and no claim.
#[test]
fn all_levels_report_in_one_run() {
    let manifest = r#"
[[component]]
descriptor = "pip-services:connection:mqtt:one:1.0"
connection.host = "broker"
client_id = "me"

[[component]]
descriptor = "pip-services:connection:mqtt:two:1.0"
connection.host = "broker"
client_id = "me"
options = { connect_timeout = "5 parsecs", receive_maximum = 0, keepalive_timeout = "20h", session_expiry = "1h" }

[[component]]
descriptor = "pip-services:connection:mqtt:three:1.0"
connection.host = ""
options.connect_timeout = "5 parsecs"

# What could not be read may be what another value needs: of these, nothing more is to be said.
[[component]]
descriptor = "pip-services:connection:mqtt:four:1.0"
clientid = "me"
connection.hots = "broker"
options.clean_session = false

[[component]]
descriptor = "pip-services:connection:mqtt:five:1.0"
connections = [7]
client_id = 5
options = { protocol_version = "4.1", session_expiry = "1h", clean_session = false, redirects = "some", redirect_hosts = ["h"] }

[[component]]
descriptor = "pip-services:broker:mqtt:default:1.0"
host = "0.0.0.0"
port = 70000
allow_anonymous = "no"
max_sessions = 0

[[component]]
descriptor = "pip-services:message-queue:memory:work:1.0"
queue = "jobs"
dead_letter = "jobs"
options = { capacity = "many", lock_timeout = 0 }
"#;
    let said = Said::line(&[("service.toml", manifest)], "check -c service.toml");
    assert_eq!(said.code, Some(78), "{said}");
    insta::assert_snapshot!(said);
}

/// A parameter as other systems write it, a password that loses a dollar, a password in a URI.
#[test]
fn values_that_are_taken_as_they_are_written() {
    let manifest = r#"
[service]
name = "{{NAME}}"
description = "at ${PLACE:-home}, $HOME"

[[component]]
descriptor = "pip-services:connection:mqtt:one:1.0"
connection.host = "{{MQTT_HOST}}"
client_id = "$CLIENT_ID"
credential.username = "%USERNAME%"
credential.password = "a$$b$$c"

[[component]]
descriptor = "pip-services:connection:mqtt:two:1.0"
connection.uri = "mqtts://ann:hunter2$$@broker"
credential.username = "ann"
credential.password = "$PASSWORD"
will = { topic = "$SYS/gone", payload = "{{OUT}} of {{order}}" }

# A parameter is one, also in the place of the password; and these mean what they say.
[[component]]
descriptor = "pip-services:connection:mqtt:three:1.0"
connection.uri = "mqtts://ann:${PASSWORD:-x}@broker"

[[component]]
descriptor = "pip-services:message-queue:mqtt:four:1.0"
references.connection = "*:connection:mqtt:two:1.0"
topic = "$share/g/{{x}}/50%/$SYS"
options.qos = 1

[[component]]
descriptor = "pip-services:discovery:memory:five:1.0"
connections.site = [{ uri = "mqtts://ann:hunter2@broker" }, { host = "$$HOST" }]
"#;
    let said = Said::line(&[("service.toml", manifest)], "check -c service.toml");
    assert!(!said.to_string().contains("hunter2") && !said.to_string().contains("a$"), "{said}");
    insta::assert_snapshot!(said);
}
