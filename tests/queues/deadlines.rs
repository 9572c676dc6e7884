//! Closing when little time is left, because something that closed before has used most of it: everything is still brought to
//! its end, with the default settings of all queues and bridges.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use wirework::component::{Component, Context, NoConfig, Registry};
use wirework::config::Problems;
use wirework::messaging::{ListenOptions, MemoryMessageQueue, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue, PublishOptions};
use wirework::{Descriptor, Error, register};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

use crate::behaviours::{next, receive, send};
use crate::kinds::{connected, context, queue};
use crate::support::fake_broker::FakeBroker;
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// Never ends to close, and so uses all the time that it may: half of what the service has.
struct Slow;

impl Component for Slow {
    const DESCRIPTOR: &'static str = "test:slow:default:*:1.0";
    const SUMMARY: &'static str = "Closes for ever.";
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        std::future::pending().await
    }
}
register!(Slow);

/// A service with 4 s to close, of which the slow one takes the first two; then each component may take half of the rest.
async fn service(components: &str) -> Container {
    let head = "[service]\nname = \"s\"\ntimeout = \"4s\"\n[[component]]\ndescriptor = \"test:slow:default:a:1.0\"\n\
                after = [\"pip-services:*:*:*:*\"]\n";
    let (text, mut problems) = (format!("{head}{components}"), Problems::new());
    let manifest = Manifest::parse(Path::new("service.toml"), &text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &Registry::linked().unwrap(), &mut problems);
    assert!(!problems.has_errors(), "{}", render(&problems, &plan.files, false));
    match Container::start(plan, None, Handle::current(), std::future::pending()).await {
        Ok(Started::Ready(container)) => container,
        Ok(Started::Stopped(_)) => panic!("it stopped"),
        Err(failures) => panic!("{failures:?}"),
    }
}

fn part<C: Component>(container: &Container, descriptor: &str) -> Arc<C> {
    container.get(&descriptor.parse().unwrap()).unwrap()
}

/// Closes; nothing but the slow one may be cut off.
async fn close(container: Container) {
    let failures = within("the end", container.close()).await.unwrap_err();
    let failed: Vec<_> = failures.iter().map(|failure| failure.component.to_string()).collect();
    assert_eq!(failed, ["test:slow:default:a:1.0"], "{failures:?}");
}

/// Has the first message of a queue with a receiver that does not finish.
async fn stuck(queue: Arc<dyn MessageQueue>) -> JoinHandle<()> {
    let (begun, mut at_work) = tokio::sync::mpsc::channel(1);
    let receiver = Arc::new(move |_: MessageEnvelope| {
        let begun = begun.clone();
        async move {
            begun.send(()).await.unwrap();
            std::future::pending::<Result<(), Error>>().await
        }
    });
    let listening = tokio::spawn(async move {
        // How it ends is up to the queue.
        let _ = queue.listen(receiver, ListenOptions::default()).await;
    });
    within("a message at work", at_work.recv()).await.unwrap();
    listening
}

/// A member of a group with a connection of its own, or one that it shares.
async fn group(own: bool) {
    let Some(broker) = Mosquitto::start().await else { return };
    let place = format!("connection.host = \"127.0.0.1\"\nconnection.port = {}\n", broker.port);
    let member = "[[component]]\ndescriptor = \"pip-services:message-queue:mqtt:orders:1.0\"\ngroup = \"workers\"\n\
                  options.qos = 1\noptions.autosubscribe = true\noptions.serialize_envelope = true\n";
    let shared = "[[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\n";
    let container = service(&format!("{member}{}{place}", if own { "" } else { shared })).await;
    let leaving = part::<MqttMessageQueue>(&container, "pip-services:message-queue:mqtt:orders:1.0");
    let elsewhere = connected(broker.port, &[]).await;
    let sender = queue("orders", &elsewhere, &[("options.autosubscribe", "false")], &context()).await;
    for number in 0..20 {
        send(&sender, &number.to_string()).await;
    }
    within("the messages to come", async {
        while leaving.message_count().await.unwrap() < 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let listening = stuck(Arc::clone(&leaving) as Arc<dyn MessageQueue>).await;
    let staying = queue("orders", &elsewhere, &[("group", "workers")], &context()).await;
    close(container).await;
    let mut missing: BTreeSet<_> = (0..20).map(|number| number.to_string()).collect();
    while !missing.is_empty() {
        assert!(missing.remove(&within("what is given back", next(&staying)).await), "once each");
    }
    listening.abort();
}

#[tokio::test]
async fn a_group_gets_all_that_a_member_has_not_finished() {
    tokio::join!(group(false), group(true));
}

#[tokio::test]
async fn a_queue_in_memory_does_not_wait_longer_than_it_may() {
    let name = "pip-services:message-queue:memory:orders:1.0";
    let container = service(&format!("[[component]]\ndescriptor = \"{name}\"\n")).await;
    let orders = part::<MemoryMessageQueue>(&container, name) as Arc<dyn MessageQueue>;
    send(&orders, "a").await;
    send(&orders, "b").await;
    let listening = stuck(Arc::clone(&orders)).await;
    close(container).await;
    listening.abort();
    let context = context();
    orders.open(&context).await.unwrap();
    assert_eq!(next(&orders).await, "b", "what was not taken is still there");
}

#[tokio::test]
async fn a_bridge_gives_back_what_its_target_does_not_take() {
    let queue = |name: &str, more: &str| {
        format!("[[component]]\ndescriptor = \"pip-services:message-queue:memory:{name}:1.0\"\n{more}")
    };
    let bridge = "[[component]]\ndescriptor = \"pip-services:bridge:message-queue:default:1.0\"\n";
    let (source, target) = (queue("source", ""), queue("target", "options.capacity = 1\n"));
    let container = service(&format!("{bridge}{source}{target}")).await;
    let source = part::<MemoryMessageQueue>(&container, "pip-services:message-queue:memory:source:1.0");
    let source = source as Arc<dyn MessageQueue>;
    send(&source, "fills the target").await;
    send(&source, "a").await;
    within("the bridge to take both", async {
        while source.message_count().await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    close(container).await;
    source.open(&context()).await.unwrap();
    let message = receive(&source).await;
    assert_eq!((message.text(), message.deliveries()), (Some("a"), 1), "no delivery is counted");
}

#[tokio::test]
async fn a_connection_says_good_bye_whatever_is_not_acknowledged() {
    let broker = FakeBroker::start().await;
    let name = "pip-services:connection:mqtt:default:1.0";
    let place = format!("connection.host = \"127.0.0.1\"\nconnection.port = {}\n", broker.port());
    let text = format!("[[component]]\ndescriptor = \"{name}\"\n{place}");
    let (container, (mut peer, _)) = tokio::join!(service(&text), broker.accept_session(false));
    let client = part::<MqttConnection>(&container, name).client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    peer.expect_publish().await;
    tokio::join!(close(container), peer.expect_disconnect());
    within("the end of the wait", delivery).await.unwrap_err();
}
