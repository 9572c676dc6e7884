//! A whole service whose telemetry goes by OTLP alone.

use std::sync::Arc;

use wirework::component::{Component, ComponentFactory, Context, NoConfig};
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, references};
use wirework_container::Host;

use crate::support::collector::Collector;
use crate::support::within;

references! {
    pub struct SenderReferences {
        queue: Arc<dyn MessageQueue> = "*:message-queue:*:*:1.0",
    }
}

/// Sends a message at its close.
struct SendsOne(Arc<dyn MessageQueue>);

impl Component for SendsOne {
    const DESCRIPTOR: &'static str = "t:sender:x:*:1.0";
    const SUMMARY: &'static str = "Sends a message at its close.";
    type Config = NoConfig;
    type References = SenderReferences;

    fn create(_: &Descriptor, _: NoConfig, references: SenderReferences) -> Result<Self, Error> {
        Ok(Self(references.queue))
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.0.send(MessageEnvelope::new("last", "words")).await
    }
}

#[tokio::test]
async fn a_service_sends_what_it_logs_counts_and_traces_from_its_first_line_to_its_last() {
    let collector = Collector::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    let manifest = format!(
        "[service]\nname = 'shop'\n\
         [[component]]\ndescriptor = 'pip-services:connection:otlp:default:1.0'\nconnection.uri = '{}'\n\
         resource = {{ 'service.name' = 'tea-shop' }}\n\
         [[component]]\ndescriptor = 'pip-services:logger:otlp:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:counters:otlp:default:1.0'\ninterval = '1h'\n\
         [[component]]\ndescriptor = 'pip-services:tracer:otlp:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:memory:orders:1.0'\n\
         [[component]]\ndescriptor = 't:sender:x:a:1.0'\n",
        collector.uri()
    );
    std::fs::write(&path, manifest).unwrap();
    let container = within(
        "the start",
        Host::new().manifest(path).version("1.4.2").factory(ComponentFactory::<SendsOne>::NEW).start(),
    )
    .await
    .unwrap();
    within("the end", container.close()).await.unwrap();
    let requests = collector.requests(1).await;
    let has =
        |path: &str, text: &str| requests.iter().any(|request| request.path == path && request.has(text));
    assert!(requests.iter().all(|request| request.has("tea-shop")));
    assert!(requests.iter().all(|request| request.has("service.version") && request.has("1.4.2")));
    assert!(has("/v1/logs", "ready: 6 components"), "{requests:#?}");
    assert!(
        has("/v1/traces", "send orders") && has("/v1/traces", "pip-services:message-queue:memory:orders:1.0")
    );
    // The counters of the queue, at the close, and what the connection counts itself.
    assert!(
        has("/v1/metrics", "wirework.queue.sent_messages") && has("/v1/metrics", "wirework.otlp.logs.sent")
    );
}
