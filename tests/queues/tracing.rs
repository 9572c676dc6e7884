//! Messages of queues as spans of traces, in a whole service.

use std::sync::Arc;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, ComponentFactory, Context, NoConfig};
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
use wirework::trace::{Sampling, SpanKind, TraceContext};
use wirework::{Category, Descriptor, Error, references};
use wirework_container::Host;

use crate::support::spans::Spans;
use crate::support::within;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

references! {
    pub struct PackerReferences {
        orders: Arc<dyn MessageQueue> = "*:message-queue:memory:*:1.0",
        shipped: Arc<dyn MessageQueue> = "*:message-queue:mqtt:*:1.0",
    }
}

/// Sends an order, ships what is ordered because of it, and fails on what is shipped.
struct Packer(PackerReferences);

impl Component for Packer {
    const DESCRIPTOR: &'static str = "t:packer:x:*:1.0";
    const SUMMARY: &'static str = "Packs.";
    type Config = NoConfig;
    type References = PackerReferences;

    fn create(_: &Descriptor, _: NoConfig, references: PackerReferences) -> Result<Self, Error> {
        Ok(Self(references))
    }
    async fn open(&self, context: &Context) -> Result<(), Error> {
        let PackerReferences { orders, shipped } = &self.0;
        let target = Arc::clone(shipped);
        let packing = move |order: MessageEnvelope| {
            let (target, trace) = (Arc::clone(&target), order.trace().cloned());
            async move {
                let package = MessageEnvelope::new("package", "x").with_trace(&trace.expect("its own span"));
                target.send(package).await
            }
        };
        listen(context, orders, packing);
        let failing =
            |_: MessageEnvelope| async { Err(Error::new(Category::Internal, "TEST", "on purpose")) };
        listen(context, shipped, failing);
        let caller = TraceContext::parse(CALLER).unwrap();
        orders.send(MessageEnvelope::new("order", "x").with_trace(&caller)).await
    }
}

fn listen(context: &Context, queue: &Arc<dyn MessageQueue>, receiver: impl MessageReceiver) {
    let (queue, receiver) = (Arc::clone(queue), Arc::new(receiver));
    context.spawn("listen", async move { queue.listen(receiver, ListenOptions::default()).await });
}

#[tokio::test]
async fn a_trace_goes_on_over_queues_in_memory_and_over_mqtt() {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let life = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&life).await.unwrap();
    let spans = Spans::new(Sampling::All);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    let manifest = format!(
        "[service]\nname = 'shop'\n\
         [[component]]\ndescriptor = 't:tracer:spans:a:1.0'\n\
         [[component]]\ndescriptor = 't:packer:x:a:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:memory:orders:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
         connection.uri = 'mqtt://127.0.0.1:{}'\noptions.protocol_version = 5\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:mqtt:shipped:1.0'\n\
         options = {{ qos = 1, autosubscribe = true, max_deliveries = 1 }}\n",
        broker.address().unwrap().port()
    );
    std::fs::write(&path, manifest).unwrap();
    let host = Host::new().manifest(path).factory(ComponentFactory::<Packer>::NEW).factory(spans.factory());
    let container = within("the start", host.start()).await.unwrap();
    let sent = spans.span("send orders", None).await;
    let packed = spans.span("process orders", None).await;
    let published = spans.span("publish", Some("shipped")).await;
    let failed = spans.span("process shipped", None).await;
    within("the end", container.close()).await.unwrap();
    let caller = TraceContext::parse(CALLER).unwrap();
    assert_eq!(
        (sent.context.trace_id(), sent.context.parent_id()),
        (caller.trace_id(), Some(caller.span_id()))
    );
    packed.is_child_of(&sent);
    published.is_child_of(&packed);
    failed.is_child_of(&published);
    assert_eq!((packed.error.as_deref(), failed.error.as_deref()), (None, Some("on purpose")));
    let kinds = [&sent, &packed, &published, &failed].map(|span| span.kind);
    let (producer, consumer) = (SpanKind::Producer, SpanKind::Consumer);
    assert_eq!(kinds, [producer, consumer, producer, consumer]);
    let names: Vec<_> = spans.told().into_iter().map(|span| span.name).collect();
    assert!(
        !names.iter().any(|name| name == "send shipped" || name == "process"),
        "one span at each end: {names:?}"
    );
    broker.close(&life).await.unwrap();
}
