//! A whole service whose telemetry goes by OTLP alone.

use wirework_container::Host;

use crate::collector::Collector;
use crate::support::within;

#[tokio::test]
async fn a_service_sends_what_it_logs_and_counts_from_its_first_line_to_its_last() {
    let collector = Collector::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    let manifest = format!(
        "[service]\nname = 'shop'\n\
         [[component]]\ndescriptor = 'pip-services:connection:otlp:default:1.0'\nconnection.uri = '{}'\n\
         resource = {{ 'service.name' = 'tea-shop' }}\n\
         [[component]]\ndescriptor = 'pip-services:logger:otlp:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:counters:otlp:default:1.0'\ninterval = '1h'\n\
         [[component]]\ndescriptor = 'pip-services:message-queue:memory:orders:1.0'\n",
        collector.uri()
    );
    std::fs::write(&path, manifest).unwrap();
    let container = within("the start", Host::new().manifest(path).start()).await.unwrap();
    within("the end", container.close()).await.unwrap();
    let requests = collector.requests(1).await;
    let has =
        |path: &str, text: &str| requests.iter().any(|request| request.path == path && request.has(text));
    assert!(requests.iter().all(|request| request.has("tea-shop")));
    assert!(has("/v1/logs", "ready: 4 components"), "{requests:#?}");
    // The counters of the queue, at the close, and what the connection counts itself.
    assert!(
        has("/v1/metrics", "wirework.queue.sent_messages") && has("/v1/metrics", "wirework.otlp.logs.sent")
    );
}
