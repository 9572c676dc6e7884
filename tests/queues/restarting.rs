//! A connection, or a queue on it, that is restarted while messages come: every one arrives that the broker has acknowledged.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use wirework::component::{Component, ComponentFactory, Context, NoConfig, Registry};
use wirework::config::Problems;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::PublishOptions;
use wirework::{Descriptor, Error, Pattern, references};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

use crate::kinds::{connected, context};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// The numbers that have arrived.
type Got = watch::Sender<BTreeSet<u32>>;

references! {
    struct ConsumerReferences {
        /// What it takes the numbers from.
        queue: Arc<dyn MessageQueue> = "*:message-queue:mqtt:*:1.0",
    }
}

/// Takes numbers from a queue.
struct Consumer {
    queue: Arc<dyn MessageQueue>,
    got: Arc<Got>,
}

impl Component for Consumer {
    const DESCRIPTOR: &'static str = "test:consumer:default:*:1.0";
    const SUMMARY: &'static str = "Takes numbers.";
    type Config = NoConfig;
    type References = ConsumerReferences;

    fn create(_: &Descriptor, _: NoConfig, _: ConsumerReferences) -> Result<Self, Error> {
        unreachable!("it is made with what it notes the numbers in")
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let (queue, got) = (Arc::clone(&self.queue), Arc::clone(&self.got));
        context.spawn("consume", async move {
            let receiver = move |message: MessageEnvelope| {
                let number: Option<u32> = message.text().and_then(|text| text.parse().ok());
                got.send_modify(|got| got.extend(number));
                std::future::ready(Ok(()))
            };
            queue.listen(Arc::new(receiver), ListenOptions::default()).await
        });
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.queue.end_listen();
        Ok(())
    }
}

async fn service(port: u16, version: &str, got: &Arc<Got>) -> Container {
    let text = format!(
        "[service]\nname = 's'\n\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\nclient_id = 'restarted'\n\
         connection.host = '127.0.0.1'\nconnection.port = {port}\n\
         options.clean_session = false\noptions.protocol_version = '{version}'\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:mqtt:numbers:1.0'\n\
         options.qos = 1\noptions.autosubscribe = true\n\
         [[component]]\ndescriptor = 'test:consumer:default:one:1.0'\n"
    );
    let got = Arc::clone(got);
    let pattern: Pattern = "test:consumer:default:*:1.0".parse().unwrap();
    let factory = ComponentFactory::<Consumer, _>::with(
        pattern,
        move |_: &Descriptor, _: NoConfig, ConsumerReferences { queue }: ConsumerReferences| {
            Ok(Consumer { queue, got: Arc::clone(&got) })
        },
    );
    let mut registry = Registry::linked().unwrap();
    registry.add(factory).unwrap();
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("service.toml"), &text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    assert!(!problems.has_errors(), "{}", render(&problems, &plan.files, false));
    match Container::start(plan, None, Handle::current(), std::future::pending()).await {
        Ok(Started::Ready(container)) => container,
        Ok(Started::Stopped(_)) => panic!("it stopped"),
        Err(failures) => panic!("{failures:?}"),
    }
}

/// Publishes numbers, one after the other, each until the broker has acknowledged it.
struct Publisher {
    acknowledged: watch::Receiver<u32>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Publisher {
    async fn start(port: u16) -> Self {
        let connection = connected(port, &[]).await;
        let (count, acknowledged) = watch::channel(0);
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            for number in 0u32.. {
                let options = PublishOptions::at_least_once();
                connection.publish("numbers", number.to_string(), options).await.unwrap();
                count.send_replace(number + 1);
                if stopped.try_recv().is_ok() {
                    break;
                }
            }
            connection.close(&context()).await.unwrap();
        });
        Self { acknowledged, stop, task }
    }

    /// How many the broker has.
    async fn end(self) -> u32 {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        *self.acknowledged.borrow()
    }
}

/// Waits until so many more have arrived.
async fn more(got: &Got, count: usize) {
    let wanted = got.borrow().len() + count;
    let mut got = got.subscribe();
    within(format!("{count} more numbers"), got.wait_for(|got| got.len() >= wanted)).await.unwrap();
}

async fn restarted(component: &str, version: &str) {
    let Some(broker) = Mosquitto::start().await else { return };
    let got = Arc::new(Got::default());
    let container = service(broker.port, version, &got).await;
    let publisher = Publisher::start(broker.port).await;
    let component: Descriptor = component.parse().unwrap();
    for _ in 0..5 {
        more(&got, 100).await;
        within("the restart", container.control().restart(&component, "a test")).await.unwrap();
    }
    more(&got, 100).await;
    let all = publisher.end().await;
    let mut arrived = got.subscribe();
    let complete = arrived.wait_for(|got| (0..all).all(|number| got.contains(&number)));
    within(format!("all of {all} numbers"), complete).await.unwrap();
    within("the end", container.close()).await.unwrap();
}

#[tokio::test]
async fn a_connection_with_its_queue_loses_nothing() {
    for version in ["3.1.1", "5"] {
        restarted("pip-services:connection:mqtt:default:1.0", version).await;
    }
}

#[tokio::test]
async fn a_queue_on_a_connection_that_stays_loses_nothing() {
    for version in ["3.1.1", "5"] {
        restarted("pip-services:message-queue:mqtt:numbers:1.0", version).await;
    }
}
