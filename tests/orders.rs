//! The example `orders` as a new user meets it: two processes, and a client of others that orders too.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

// The example's own unit tests run here: an example that is tested itself is not built as a program.
#[path = "../examples/orders/customers.rs"]
mod customers;
#[path = "../examples/orders/desk.rs"]
mod desk;
#[path = "../examples/orders/order.rs"]
mod order;
#[path = "../examples/orders/packer.rs"]
mod packer;
#[path = "../examples/orders/sign.rs"]
mod sign;
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, Publish, QoS};
use support::process::{Process, free_port};
use support::within;
use tokio::process::Command;
use tokio::sync::mpsc;
use wirework::messaging::MessageEnvelope;

use order::Order;

/// The example's binary, which `cargo test` builds beside this test: `target/<profile>/examples/orders`.
fn orders() -> Command {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let program = profile.join("examples").join(format!("orders{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{program:?} is missing; `cargo test` or `cargo build --examples` builds it");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let read = [
        "MQTT_HOST",
        "MQTT_PORT",
        "BROKER",
        "SIMULATE",
        "ORDER_EVERY",
        "PACKING",
        "RETRY_AFTER",
        "LOG_LEVEL",
    ];
    for name in read {
        command.env_remove(name);
    }
    command
}

/// One of the two services, with these parameters.
fn service(name: &str, port: u16, parameters: &[&str]) -> Process {
    let mut command = orders();
    command.args(["run", "-c", &format!("examples/orders/{name}.toml"), "-p", &format!("MQTT_PORT={port}")]);
    command.args(parameters.iter().flat_map(|parameter| ["-p", parameter]));
    Process::start(&mut command)
}

/// The shop on a port of its own.
async fn shop(parameters: &[&str]) -> (Process, u16) {
    // Between the choice of a port and its use somebody else can take it.
    for _ in 0..5 {
        let port = free_port();
        let mut shop = service("shop", port, parameters);
        if ready(&mut shop).await {
            return (shop, port);
        }
        assert!(shop.said.iter().any(|line| line.contains("in use")), "{}", shop.said.join("\n"));
    }
    panic!("no port stays free");
}

/// The warehouse, packing fast.
async fn warehouse(port: u16) -> Process {
    let mut warehouse = service("warehouse", port, &["PACKING=50ms", "RETRY_AFTER=20ms"]);
    assert!(ready(&mut warehouse).await, "{}", warehouse.said.join("\n"));
    warehouse
}

/// Whether the service gets ready; it ends where it does not.
async fn ready(service: &mut Process) -> bool {
    let ready = async {
        while let Some(line) = service.next_line().await {
            if line.contains(" ready: ") {
                return true;
            }
        }
        false
    };
    within("the service to be ready", ready).await
}

async fn end(mut service: Process, signal: &str) -> Vec<String> {
    service.signal(signal).await;
    assert_eq!(service.exit_code().await, Some(0), "{}", service.said.join("\n"));
    std::mem::take(&mut service.said)
}

/// A client of another make that listens to what is shipped and rejected.
struct Client {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<Publish>,
    acknowledged: mpsc::UnboundedReceiver<()>,
}

impl Client {
    async fn new(port: u16) -> Self {
        let (client, mut events) = AsyncClient::new(MqttOptions::new("tester", "127.0.0.1", port), 100);
        for topic in ["shop/shipped", "shop/rejected"] {
            client.subscribe(topic, QoS::AtLeastOnce).await.unwrap();
            within("SUBACK", async {
                while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::SubAck(_))) {}
            })
            .await;
        }
        let ((hear, heard), (acknowledge, acknowledged)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        // It ends with the broker, or with the test.
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                let told = match event {
                    Event::Incoming(Incoming::Publish(publish)) => hear.send(publish).is_ok(),
                    Event::Incoming(Incoming::PubAck(_)) => acknowledge.send(()).is_ok(),
                    _ => true,
                };
                if !told {
                    return;
                }
            }
        });
        Self { client, heard, acknowledged }
    }

    /// Returns when the broker has it.
    async fn publish(&mut self, payload: impl Into<Vec<u8>>) {
        self.client.publish("shop/events", QoS::AtLeastOnce, false, payload).await.unwrap();
        within("PUBACK", self.acknowledged.recv()).await.unwrap();
    }

    async fn hear(&mut self) -> Publish {
        within("a message", self.heard.recv()).await.unwrap()
    }

    /// The number of the next order that is shipped.
    async fn shipped(&mut self) -> u64 {
        let message = self.hear().await;
        assert_eq!(message.topic, "shop/shipped");
        Order::read(&MessageEnvelope::from_json(&message.payload).unwrap()).unwrap().number
    }
}

/// What the version 3 toolkits write, with a `correlation_id` and no `trace_id`.
fn toolkit(number: u64, kind: &str, article: &str, quantity: u32) -> String {
    let order =
        format!(r#"{{"number":{number},"customer":"Eve","article":"{article}","quantity":{quantity}}}"#);
    // Whoever writes the envelope, its payload is base64.
    let whole = MessageEnvelope::new("t", order).to_json();
    let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    serde_json::json!({
        "message_id": format!("id-{number}"),
        "correlation_id": format!("corr-{number}"),
        "message_type": kind,
        "sent_time": "2026-11-22T21:31:21.431Z",
        "message": whole["message"],
    })
    .to_string()
}

#[tokio::test]
async fn orders_of_a_toolkit_are_shipped_and_bad_ones_come_to_the_dead_letters() {
    let (mut shop, port) = shop(&["SIMULATE=false"]).await;
    let warehouse = warehouse(port).await;
    let mut client = Client::new(port).await;
    client.publish(toolkit(1, "basket.left", "lamp", 1)).await;
    client.publish(toolkit(2, "order.placed", "unicorn", 1)).await;
    client.publish(toolkit(3, "order.placed", "lamp", 0)).await;
    client.publish("no envelope").await;
    client.publish(toolkit(4, "order.placed", "lamp", 2)).await;
    let (mut shipped, mut rejected) = (Vec::new(), BTreeSet::new());
    for _ in 0..4 {
        let message = client.hear().await;
        match message.topic.as_str() {
            "shop/shipped" => shipped.push(MessageEnvelope::from_json(&message.payload).unwrap()),
            _ => {
                let id = MessageEnvelope::from_json(&message.payload).map(|sent| sent.message_id.to_string());
                rejected
                    .insert(id.unwrap_or_else(|_| String::from_utf8_lossy(&message.payload).into_owned()));
            }
        }
    }
    assert_eq!(rejected, ["id-2", "id-3", "no envelope"].map(String::from).into());
    let [shipped] = shipped.as_slice() else { panic!("{shipped:?}") };
    assert_eq!((&*shipped.message_type, shipped.trace_id.as_deref()), ("order.shipped", Some("corr-4")));
    assert_eq!(Order::read(shipped).unwrap().to_string(), "2 × lamp for Eve");
    for news in ["[corr-4] order 4 is on its way: 2 × lamp for Eve", "[corr-2] order 2 could not be packed"]
    {
        while !shop.said.iter().any(|line| line.contains(news)) {
            within(news, shop.next_line()).await.unwrap_or_else(|| panic!("{}", shop.said.join("\n")));
        }
    }
    let said = end(warehouse, "TERM").await.join("\n");
    for line in [
        "order 2 waits for unicorn, which is not on the shelf",
        "order 3 is for 0 pieces",
        "of the queue `orders` goes to `shop/rejected`; deliveries: 3",
        "Failed to read received message: 11 bytes on `shop/events` are no envelope of the queue `events`; it goes to \
         `shop/rejected`",
        "bridge.orders.filtered_messages: 1",
        "bridge.orders.forwarded_messages: 3",
        "queue.events.malformed_messages: 1",
        "queue.orders.failed_messages: 3",
        "queue.orders.dead_messages: 2",
    ] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    end(shop, "TERM").await;
}

#[tokio::test]
async fn orders_wait_for_a_warehouse_that_comes_back() {
    let (shop, port) = shop(&["SIMULATE=false"]).await;
    let mut open = warehouse(port).await;
    let mut client = Client::new(port).await;
    for (round, signal) in (0..).zip(["TERM", "KILL"]) {
        let start: u64 = round * 20;
        for number in start..start + 10 {
            client.publish(toolkit(number, "order.placed", "lamp", 1)).await;
        }
        let mut missing: BTreeSet<u64> = (start..start + 20).collect();
        missing.remove(&client.shipped().await);
        open.signal(signal).await;
        assert_eq!(open.exit_code().await, (signal == "TERM").then_some(0), "{}", open.said.join("\n"));
        for number in start + 10..start + 20 {
            client.publish(toolkit(number, "order.placed", "lamp", 1)).await;
        }
        open = warehouse(port).await;
        // After the kill some come twice.
        while !missing.is_empty() {
            missing.remove(&client.shipped().await);
        }
    }
    end(open, "TERM").await;
    end(shop, "TERM").await;
}

#[tokio::test]
async fn the_shop_tells_the_story() {
    let (mut shop, port) = shop(&["ORDER_EVERY=20ms"]).await;
    // It opened before the shop was ready.
    assert!(shop.said.iter().any(|line| line.contains("waits for the warehouse")), "{:?}", shop.said);
    let mut warehouse = warehouse(port).await;
    for line in ["customers come in", "order 1 placed", "order 1 is on its way"] {
        shop.line_with(line).await;
    }
    shop.line_with("could not be packed").await;
    for line in ["order 1 picked", "order 1 packed and shipped"] {
        warehouse.line_with(line).await;
    }
    end(warehouse, "INT").await;
    end(shop, "INT").await;
}

/// Runs the command to its end; what it said.
async fn said(args: &[&str]) -> String {
    let output = orders().args(args).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
    out
}

/// Whoever starts the warehouse first reads what it waits for.
#[tokio::test]
async fn a_warehouse_that_comes_first_waits_for_the_broker() {
    let port = free_port();
    let mut warehouse = service("warehouse", port, &[]);
    warehouse.line_with(&format!("Cannot connect to the MQTT broker at mqtt://127.0.0.1:{port} yet")).await;
    let mut shop = service("shop", port, &["SIMULATE=false"]);
    // Somebody else may have taken the port.
    if ready(&mut shop).await {
        // Its waits between attempts grow.
        let opened = tokio::time::timeout(Duration::from_secs(30), async {
            while let Some(line) = warehouse.next_line().await {
                if line.contains(" ready: ") {
                    return;
                }
            }
        });
        opened.await.unwrap_or_else(|_| panic!("{}", warehouse.said.join("\n")));
        end(warehouse, "TERM").await;
        end(shop, "TERM").await;
    }
}

#[tokio::test]
async fn both_manifests_are_clean() {
    for name in ["shop", "warehouse"] {
        let said = said(&["check", "-c", &format!("examples/orders/{name}.toml")]).await;
        assert!(said.contains("0 errors, 0 warnings"), "{said}");
    }
}

/// What the README shows is what the commands that it names print.
#[tokio::test]
async fn the_graphs_in_the_readme_are_current() {
    let readme = include_str!("../examples/orders/README.md");
    let mut graphs = 0;
    for part in readme.split("$ cargo run --example orders -- graph ").skip(1) {
        let (line, rest) = part.split_once('\n').unwrap();
        let args: Vec<_> = std::iter::once("graph").chain(line.split_whitespace()).collect();
        let args: Vec<_> = args.into_iter().map(|word| word.trim_matches('\'')).collect();
        let graph = rest.split("```mermaid\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(graph, said(&args).await, "put the output of `{line}` into examples/orders/README.md");
        graphs += 1;
    }
    assert_eq!(graphs, 2);
}
