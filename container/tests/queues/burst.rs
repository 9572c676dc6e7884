//! What is no envelope comes in a burst, to a service that is a process of its own.

use wirework::messaging::MessageEnvelope;

use crate::broker::{Embedded, heard, publish, tapped};
use crate::running::Running;
use crate::tool::{Said, directory, wirework};

const SERVICE: &str = r#"
[service]
name = "relay"

[[component]]
descriptor = "pip-services:bridge:message-queue:default:1.0"
references.source = "pip-services:message-queue:mqtt:orders:1.0"
references.target = "pip-services:message-queue:mqtt:done:1.0"

[[component]]
descriptor = "pip-services:message-queue:mqtt:orders:1.0"
dead_letter_topic = "dead"
options.qos = 1
options.serialize_envelope = true
options.autosubscribe = true

[[component]]
descriptor = "pip-services:message-queue:mqtt:done:1.0"
options.qos = 1
options.serialize_envelope = true

[[component]]
descriptor = "pip-services:connection:mqtt:default:1.0"
connection.host = "127.0.0.1"
connection.port = "${MQTT_PORT}"

[[component]]
descriptor = "pip-services:counters:log:default:1.0"

[[component]]
descriptor = "pip-services:logger:console:default:1.0"
level = "debug"
"#;

/// Where the log says that this happened to a component of this kind.
fn place(said: &Said, what: &str, kind: &str) -> usize {
    let line = format!(" {what} pip-services:{kind}:");
    said.err.find(&line).unwrap_or_else(|| panic!("no `{line}` in\n{}", said.err))
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_garbage_is_counted_told_once_and_kept_and_harms_no_neighbour() {
    let broker = Embedded::start().await;
    let client = broker.client().await;
    let (mut dead, mut done) = (tapped(&client, "dead").await, tapped(&client, "done").await);
    let directory = directory(&[("service.toml", SERVICE)]);
    let mut command = wirework(directory.path());
    command.args(["run", "-c", "service.toml", "-p", &format!("MQTT_PORT={}", broker.port)]);
    let mut starting = Running::start(command, directory);
    let running = tokio::task::spawn_blocking(move || {
        starting.wait_for(" ready: ");
        starting
    })
    .await
    .unwrap();

    let whole = MessageEnvelope::new("t", "neighbour").to_json();
    let garbage = |number: usize| match number % 4 {
        0 => whole[..number % whole.len()].to_vec(),
        1 => format!("{{\"message_id\":{number},\"message_type\":[]}}").into_bytes(),
        2 => format!("{{\"message\":\"*** {number}\"}}").into_bytes(),
        _ => vec![0xff; number],
    };
    for number in 0..200 {
        publish(&client, "orders", garbage(number)).await;
        publish(&client, "orders", whole.clone()).await;
    }
    for number in 0..200 {
        assert_eq!(heard(&mut dead).await.payload, garbage(number), "{number}");
        let message = MessageEnvelope::from_json(&heard(&mut done).await.payload).unwrap();
        assert_eq!(message.text(), Some("neighbour"));
    }
    running.signal("TERM");
    let said = tokio::task::spawn_blocking(move || running.end()).await.unwrap();
    assert_eq!(said.code, Some(0), "{said}");

    let told: Vec<_> = said.err.lines().filter(|line| line.contains("no envelope")).collect();
    let [told] = told.as_slice() else { panic!("{told:#?}") };
    for part in
        [" ERROR ", "message-queue:mqtt:orders", "0 bytes on `orders`", "it goes to `dead`, like others"]
    {
        assert!(told.contains(part), "{told}");
    }
    for counter in [
        "queue.orders.malformed_messages: 200\n",
        "queue.orders.completed_messages: 200\n",
        "queue.done.sent_messages: 200\n",
        "bridge.default.forwarded_messages: 200\n",
    ] {
        assert!(said.err.contains(counter), "no {counter} in\n{}", said.err);
    }
    let order = ["connection:mqtt", "message-queue:mqtt:orders", "bridge:message-queue"];
    for pair in order.windows(2) {
        assert!(place(&said, "opened", pair[0]) < place(&said, "opened", pair[1]), "{pair:?}");
        assert!(place(&said, "closed", pair[0]) > place(&said, "closed", pair[1]), "{pair:?}");
    }
}
