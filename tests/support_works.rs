//! The test support tested: a broker that does not do what its script says proves nothing.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod support;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions};
use support::fake_broker::{FakeBroker, PubAck, Publish, QoS, message};
use support::mosquitto::Mosquitto;
use support::process::Process;
use support::within;
use tokio::process::Command;

fn client(port: u16) -> (AsyncClient, rumqttc::EventLoop) {
    let mut options = MqttOptions::new("tester", "127.0.0.1", port);
    options.set_credentials("user", "pass");
    AsyncClient::new(options, 10)
}

/// Polls until a message comes; the error when the connection ends before.
async fn next_message(events: &mut rumqttc::EventLoop) -> Result<Publish, rumqttc::ConnectionError> {
    within("a message", async {
        loop {
            if let Event::Incoming(Incoming::Publish(publish)) = events.poll().await? {
                return Ok(publish);
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_fake_broker_follows_its_script() {
    let broker = FakeBroker::start().await;
    let (client, mut events) = client(broker.port());
    client.subscribe("a/+", QoS::AtLeastOnce).await.unwrap();
    client.publish("b", QoS::AtLeastOnce, false, "x").await.unwrap();
    let script = tokio::spawn(async move {
        let (mut peer, connect) = broker.accept_session(false).await;
        assert_eq!(connect.client_id, "tester");
        assert_eq!(
            connect.login.map(|login| (login.username, login.password)),
            Some(("user".into(), "pass".into()))
        );
        assert_eq!(peer.grant().await.filters[0].path, "a/+");
        let publish = peer.expect_publish().await;
        assert_eq!((publish.topic.as_str(), &publish.payload[..]), ("b", &b"x"[..]));
        peer.send(PubAck::new(publish.pkid)).await;
        peer.send(message("a/b", "hello", QoS::AtLeastOnce, 7)).await;
        assert_eq!(peer.expect_puback().await.pkid, 7);
        peer.send_raw(&[0x32, 0x07, 0x00, 0x03, b'a', b'/', b'c', 0x00, 0x08]).await;
        assert_eq!(peer.expect_puback().await.pkid, 8);
        peer.reset();
        let (peer, _) = broker.accept_session(true).await;
        peer.finish().await;
        broker.accept().await.send_raw(b"\xff\xff garbage").await;
    });
    assert_eq!(&next_message(&mut events).await.unwrap().payload[..], b"hello");
    assert_eq!(next_message(&mut events).await.unwrap().topic, "a/c");
    for _ in 0..3 {
        assert!(next_message(&mut events).await.is_err());
    }
    script.await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "expected Subscribe, got Publish(Topic = b")]
async fn the_fake_broker_says_what_came_instead() {
    let broker = FakeBroker::start().await;
    let (client, mut events) = client(broker.port());
    client.publish("b", QoS::AtLeastOnce, false, "x").await.unwrap();
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    broker.accept_session(false).await.0.expect_subscribe().await;
}

#[tokio::test]
async fn a_process_is_heard_signalled_and_awaited() {
    let script = "trap 'echo stopping; exit 3' TERM; echo ready >&2; while :; do :; done";
    let mut process = Process::start(Command::new("sh").args(["-c", script]));
    process.line_with("ready").await;
    process.signal("TERM").await;
    assert_eq!(process.exit_code().await, Some(3));
    assert_eq!(process.said, ["ready", "stopping"]);
}

#[tokio::test]
async fn mosquitto_runs_where_it_is_installed() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let (client, mut events) = client(mosquitto.port);
    client.subscribe("a", QoS::AtMostOnce).await.unwrap();
    client.publish("a", QoS::AtMostOnce, false, "x").await.unwrap();
    assert_eq!(next_message(&mut events).await.unwrap().topic, "a");
}

/// Every `.rs` file under a directory, in one text.
fn sources(directory: &std::path::Path, all: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// What the table of the references' defects names as a test is one.
#[test]
fn the_tests_against_the_defects_of_the_references_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/reference-defects.md")).unwrap();
    let mut all = String::new();
    for directory in ["src", "tests"] {
        sources(&root.join(directory), &mut all);
    }
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| M")).collect();
    assert_eq!(rows.len(), 43);
    for row in rows {
        let (_, here) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        let named: Vec<&str> = here.split('`').skip(1).step_by(2).collect();
        // Test names are sentences; other names are not.
        let tests =
            named.iter().filter(|name| name.matches('_').count() >= 1 && !name.contains(['.', ':', '!']));
        let mut any = here.contains("type:") || here.contains("pinned") || here.contains("`Default`");
        for test in tests
            .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
        {
            any = true;
            assert!(all.contains(&format!("fn {test}")), "`{test}` of {row}");
        }
        assert!(any, "nothing rules out {row}");
    }
}
