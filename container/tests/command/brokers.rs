//! The embedded broker beside clients that it admits, or of which nobody can say whether they are its clients: nothing is said of them.

use crate::tool::Said;

/// A broker with these lines, and a client with those.
fn check(broker: &str, client: &str) -> Said {
    let text = format!(
        "[[component]]\ndescriptor = 'pip-services:broker:mqtt:default:1.0'\n{broker}\n\n\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\nafter = ['*:broker:*:*:*']\n{client}\n"
    );
    let used = [("PW", "secret"), ("OTHER", "other")].into_iter().filter(|(name, _)| text.contains(name));
    let given: String = used.map(|(name, value)| format!(" -p {name}={value}")).collect();
    Said::line(&[("service.toml", &text)], &format!("check service.toml{given}"))
}

const LOCAL: &str = "connection.host = '127.0.0.1'";
const ANN: &str = "credential = { username = 'ann', password = '${PW}' }";
const QUEUE: &str = "[[component]]\ndescriptor = 'pip-services:message-queue:mqtt:q:1.0'\ntopic =";

#[test]
fn what_a_broker_admits_is_fine() {
    let admitted = [
        ("", ""),
        (ANN, ANN),
        ("credential = { username = 'ann', password = '${PW}' }\nallow_anonymous = true", ""),
        ("allow_anonymous = true", "credential = { username = 'bob', password = '${OTHER}' }"),
        ("", "client_id = 'with blanks and é, at length'"),
        ("max_connections = 1", ""),
        ("max_packet_size = 1024", "will = { topic = 'gone', payload = 'now' }"),
        (
            "anonymous.subscribe = ['site/#']\nanonymous.publish = []",
            &format!("{QUEUE} 'site/+/t'\noptions.autosubscribe = true"),
        ),
        // Somebody may use it to send only.
        ("anonymous.subscribe = []", &format!("{QUEUE} 'site'")),
        (&format!("{ANN}\nusers.ann.publish = ['a/#']"), &format!("{ANN}\nwill.topic = 'a/b'")),
    ];
    for (broker, client) in admitted {
        let said = check(broker, &format!("{LOCAL}\n{client}"));
        assert!(said.code == Some(0) && said.err.is_empty(), "{broker}\n{client}\n{said}");
    }
}

#[test]
fn clients_of_other_brokers_are_no_matter_of_its() {
    let others = [
        "connection.host = 'broker.example'",
        "connection = { host = '127.0.0.1', port = 1884 }",
        "connection = { host = '127.0.0.2' }",
        "connection = { host = '::1' }",
        "connection = { host = '192.0.2.7' }",
        "connection.uri = 'unix:///run/mosquitto.sock'",
    ];
    for client in others {
        let said = check(ANN, client);
        assert!(!said.err.contains("CLIENT_REFUSED"), "{client}\n{said}");
    }
    // At all addresses of this machine, of which one may be that of the client.
    let said = check(&format!("{ANN}\nhost = '0.0.0.0'"), "connection.host = '192.0.2.7'");
    assert!(!said.err.contains("CLIENT_REFUSED"), "{said}");
}

#[test]
fn a_broker_that_may_be_another_one_is_only_warned_of() {
    for (broker, client) in [
        ("host = 'localhost'", LOCAL),
        ("host = 'broker.example'", "connection.host = 'broker.example'"),
        ("", "connections = [{ host = '127.0.0.1' }, { host = 'broker.example' }]"),
    ] {
        let said = check(&format!("{broker}\n{ANN}"), client);
        assert!(said.code == Some(0) && said.err.contains("warning[CLIENT_REFUSED]"), "{client}\n{said}");
    }
}
