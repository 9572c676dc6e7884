//! The example `telemetry` as a new user meets it: started as a process, talked to by a client that is not ours.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

// The example's own unit tests run here: an example that is tested itself is not built as a program.
#[path = "../examples/telemetry/aggregator.rs"]
mod aggregator;
#[path = "../examples/telemetry/reading.rs"]
mod reading;
#[path = "../examples/telemetry/sensor.rs"]
mod sensor;
mod support;
#[path = "../examples/telemetry/window.rs"]
mod window;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, Publish, QoS};
use support::process::{Process, free_port};
use support::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

const MANIFEST: &str = "examples/telemetry/service.toml";

/// The example's binary, which `cargo test` builds beside this test: `target/<profile>/examples/telemetry`.
fn telemetry() -> Command {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let program = profile.join("examples").join(format!("telemetry{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{program:?} is missing; `cargo test` or `cargo build --examples` builds it");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in
        ["MQTT_PORT", "HTTP_PORT", "MQTT_PASSWORD", "SIMULATE", "WINDOW_MS", "LOG_LEVEL", "COUNTERS_INTERVAL"]
    {
        command.env_remove(name);
    }
    command
}

/// The service on ports of its own, with these parameters as well; returns the port of its broker when it is ready.
async fn start(parameters: &[&str]) -> (Process, u16) {
    // Between the choice of a port and its use somebody else can take it.
    for _ in 0..5 {
        let port = free_port();
        let mut command = telemetry();
        command.args([
            "run",
            "-p",
            &format!("MQTT_PORT={port}"),
            "-p",
            &format!("HTTP_PORT={}", free_port()),
        ]);
        command.args(parameters.iter().flat_map(|parameter| ["-p", parameter]));
        let mut process = Process::start(&mut command);
        if ready(&mut process).await {
            return (process, port);
        }
        assert!(process.said.iter().any(|line| line.contains("in use")), "{}", process.said.join("\n"));
    }
    panic!("no port stays free");
}

/// Whether the service gets ready; it ends where it does not.
async fn ready(process: &mut Process) -> bool {
    let ready = async {
        while let Some(line) = process.next_line().await {
            if line.contains(" ready: ") {
                return true;
            }
        }
        false
    };
    within("the service to be ready", ready).await
}

/// A client that listens to the averages.
async fn client(port: u16) -> (AsyncClient, EventLoop) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("tester", "127.0.0.1", port), 10);
    client.subscribe("averages/+", QoS::AtLeastOnce).await.unwrap();
    within("SUBACK", async {
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::SubAck(_))) {}
    })
    .await;
    (client, events)
}

async fn next_message(events: &mut EventLoop) -> Publish {
    within("an average", async {
        loop {
            if let Event::Incoming(Incoming::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    })
    .await
}

/// The averages of one sensor, until they hold `count` readings: a window may end between two of them.
async fn averages(events: &mut EventLoop, sensor: &str, count: u64) -> Vec<serde_json::Value> {
    let (mut all, mut counted) = (Vec::new(), 0);
    while counted < count {
        let message = next_message(events).await;
        assert_eq!(message.topic, format!("averages/{sensor}"));
        let average: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(average["sensor"], sensor);
        counted += average["count"].as_u64().unwrap();
        all.push(average);
    }
    assert_eq!(counted, count, "{all:?}");
    all
}

/// The components that lines of the log say to be `what`, in that order.
fn components(process: &Process, what: &str) -> Vec<String> {
    let lines = process.said.iter().filter(|line| line.split_whitespace().any(|word| word == what));
    lines
        .filter_map(|line| line.split(|c: char| c.is_whitespace() || "=`".contains(c)).find(is_descriptor))
        .map(str::to_owned)
        .collect()
}

fn is_descriptor(word: &&str) -> bool {
    word.parse::<wirework::Descriptor>().is_ok()
}

#[tokio::test]
async fn readings_of_another_client_are_averaged() {
    let (mut process, port) = start(&["SIMULATE=false", "WINDOW_MS=300"]).await;
    let (client, mut events) = client(port).await;
    let topic = "sensors/kitchen/temperature";
    for payload in ["20", "warm", r#"{"value":23.0}"#, "NaN", "21.5"] {
        client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    client.publish("sensors/a/b/temperature", QoS::AtLeastOnce, false, "1").await.unwrap();
    let all = averages(&mut events, "kitchen", 3).await;
    let number = |average: &serde_json::Value, key: &str| average[key].as_f64().unwrap();
    let lowest = all.iter().map(|average| number(average, "min")).fold(f64::INFINITY, f64::min);
    let highest = all.iter().map(|average| number(average, "max")).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = all.iter().map(|average| number(average, "mean") * number(average, "count")).sum();
    assert_eq!((lowest, highest), (20.0, 23.0));
    assert!((sum - 64.5).abs() < 1e-9, "{all:?}");
    process.line_with("no number").await;

    process.signal("TERM").await;
    assert_eq!(process.exit_code().await, Some(0), "{}", process.said.join("\n"));
}

#[tokio::test]
async fn it_closes_in_the_reverse_of_opening() {
    for signal in ["TERM", "INT"] {
        let (mut process, port) = start(&["SIMULATE=false", "LOG_LEVEL=debug"]).await;
        process.signal(signal).await;
        assert_eq!(process.exit_code().await, Some(0), "{}", process.said.join("\n"));
        let (opened, closed) = (components(&process, "opened"), components(&process, "closed"));
        let place =
            |list: &[String], kind: &str| list.iter().position(|name| name.contains(kind)).expect(kind);
        for (first, then) in [
            ("broker:mqtt", "connection:mqtt"),
            ("discovery:memory", "connection:mqtt"),
            ("credential-store:memory", "connection:mqtt"),
            ("connection:mqtt", "aggregator:window"),
        ] {
            assert!(place(&opened, first) < place(&opened, then), "{first}, {then}: {opened:?}");
            assert!(place(&closed, first) > place(&closed, then), "{first}, {then}: {closed:?}");
        }
        TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    }
}

#[tokio::test]
async fn what_was_heard_before_closing_is_published() {
    let (mut process, port) = start(&["SIMULATE=false", "LOG_LEVEL=debug", "WINDOW_MS=1h"]).await;
    let (client, mut events) = client(port).await;
    for payload in ["14", "warm"] {
        client.publish("sensors/cellar/temperature", QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    let polling = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    // It comes after the reading.
    process.line_with("is refused").await;
    process.signal("TERM").await;
    process.line_with("window: 1 reading of 1 sensor").await;
    // Whether the average gets further is up to the broker, which closes too.
    process.line_with("mqtt.publish.acknowledged: 1").await;
    assert_eq!(process.exit_code().await, Some(0), "{}", process.said.join("\n"));
    within("the connection to end", polling).await.unwrap();
}

#[tokio::test]
async fn simulated_sensors_speak() {
    let [port, http] = [free_port(), free_port()].map(|port| port.to_string());
    // No sub-command runs the service; parameters come from the environment too.
    let parameters = [("MQTT_PORT", port.as_str()), ("HTTP_PORT", http.as_str()), ("WINDOW_MS", "1500")];
    let mut process = Process::start(telemetry().envs(parameters));
    assert!(ready(&mut process).await, "{}", process.said.join("\n"));
    let (_client, mut events) = client(port.parse().unwrap()).await;
    let message = next_message(&mut events).await;
    assert!(["averages/attic", "averages/cellar"].contains(&message.topic.as_str()), "{}", message.topic);
    process.signal("INT").await;
    assert_eq!(process.exit_code().await, Some(0), "{}", process.said.join("\n"));
}

#[tokio::test]
async fn a_port_in_use_says_how_to_choose_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (parameter, other, component) in
        [("MQTT_PORT", "HTTP_PORT", "broker:mqtt"), ("HTTP_PORT", "MQTT_PORT", "endpoint:http")]
    {
        let (own, free) = (format!("{parameter}={port}"), format!("{other}={}", free_port()));
        let mut process = Process::start(telemetry().args(["run", "-p", &own, "-p", &free]));
        assert_eq!(process.exit_code().await, Some(1));
        let said = process.said.join("\n");
        assert!(said.contains(&format!("port {port} on 127.0.0.1 is in use")), "{said}");
        assert!(said.contains(&format!("cannot open `pip-services:{component}:default:1.0`")), "{said}");
        assert!(said.contains(&format!("`-p {parameter}=…`")), "{said}");
    }
}

/// What the first screen names to open is there: the page, the metrics, health.
#[tokio::test]
async fn the_first_screen_names_the_page_which_is_there() {
    let (mut process, _) = start(&["SIMULATE=false"]).await;
    let named = process.said.iter().find_map(|line| line.split_once("the page for operators is at http://"));
    let (_, address) = named.unwrap_or_else(|| panic!("{}", process.said.join("\n")));
    let (host, path) = address.split_once('/').unwrap();
    for (path, found) in [
        (&*format!("/{path}"), "<!doctype html>"),
        ("/admin/api/service", "\"ready\":true"),
        ("/metrics", "wirework_service_ready 1"),
        ("/readyz", "ready"),
    ] {
        let answer = get(host, path).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(found), "{path}: {answer}");
    }
    process.signal("TERM").await;
    assert_eq!(process.exit_code().await, Some(0), "{}", process.said.join("\n"));
}

/// What is answered to a request for a path.
async fn get(host: &str, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// Runs the command to its end: exit code, and all it said.
async fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::start(telemetry().args(args));
    let code = process.exit_code().await;
    (code, process.said.join("\n"))
}

/// The example's manifest with one text in place of another.
fn changed(from: &str, to: &str) -> tempfile::NamedTempFile {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(MANIFEST);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(&file, text.replace(from, to)).unwrap();
    file
}

#[tokio::test]
async fn a_typo_stops_it_before_anything_runs() {
    let file = changed("connection.discovery_key", "connection.discovery_kye");
    let path = file.path().to_str().unwrap();
    for command in ["run", "check"] {
        let (code, said) = run(&[command, "-c", path]).await;
        assert_eq!(code, Some(78), "{said}");
        assert!(
            said.contains("discovery_kye") && said.contains("did you mean `connection.discovery_key`?"),
            "{said}"
        );
        assert!(said.contains(path) && !said.contains("opened"), "{said}");
    }
}

#[tokio::test]
async fn check_is_clean() {
    let (code, said) = run(&["check"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
    let (code, said) = run(&["check", "--format", "json"]).await;
    assert_eq!((code, said.trim()), (Some(0), "[]"));
}

#[tokio::test]
async fn graph_shows_who_uses_whom() {
    let (code, said) = run(&["graph"]).await;
    assert_eq!(code, Some(0), "{said}");
    for name in ["acme:sensor:simulated:attic:1.0", "acme:aggregator:window:default:1.0", "connection:mqtt"] {
        assert!(said.contains(name), "{said}");
    }
    let (code, said) = run(&["graph", "-p", "SIMULATE=false"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("acme:sensor"), "{said}");
}

/// The blocks of a kind of the page on deployment.
fn blocks(kind: &str) -> Vec<&'static str> {
    let page = include_str!("../docs/guide/deployment.md");
    let behind = page.split(&format!("```{kind}\n")).skip(1).collect::<Vec<_>>();
    behind.into_iter().map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The page shows what the commands print.
#[tokio::test]
async fn the_page_on_deployment_shows_what_is_written() {
    let unit = "unit --folder /etc/telemetry --binary /usr/local/bin/telemetry";
    let kubernetes = "kubernetes --image registry.example/telemetry:1.0";
    for (kind, line) in [("ini", unit), ("yaml", kubernetes)] {
        let arguments: Vec<_> = line.split(' ').chain(["-c", MANIFEST]).collect();
        let (code, said) = run(&arguments).await;
        assert_eq!(code, Some(0), "{said}");
        let block = blocks(kind).into_iter().next().unwrap_or_default();
        assert_eq!(
            block.trim_end(),
            said.trim_end(),
            "put the output of `{line}` into docs/guide/deployment.md"
        );
    }
}
