//! A real Prometheus scrapes a service and answers queries about it.

use std::net::SocketAddr;
use std::sync::Arc;

use wirework::component::InstanceFactory;
use wirework_container::Host;

use super::gate::{Gate, Step};
use super::support::http::Server;
use super::support::process::free_port;
use super::support::prometheus::Prometheus;
use super::support::within;

fn manifest(port: u16) -> String {
    format!(
        "[service]\nname = \"shop\"\n\
         [[component]]\ndescriptor = \"t:gate:x:a:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:endpoint:http:default:1.0\"\n\
         connection.host = \"127.0.0.1\"\nconnection.port = {port}\n\
         [[component]]\ndescriptor = \"pip-services:metrics-controller:prometheus:default:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:counters:prometheus:default:1.0\"\n"
    )
}

#[tokio::test]
async fn a_real_prometheus_scrapes_a_service_and_answers_queries() {
    let target = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let Some(prometheus) = Prometheus::start(target).await else { return };
    prometheus.reaches("up", |up| up == 0.0).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    std::fs::write(&path, manifest(target.port())).unwrap();
    let gate = Gate::new(false);
    let factory = InstanceFactory::new("t:gate:x:a:1.0".parse().unwrap(), Arc::clone(&gate));
    let started = tokio::spawn(Host::new().manifest(path).factory(factory).start());
    gate.reached(Step::Opening).await;
    prometheus.reaches("up", |up| up == 1.0).await;
    prometheus.reaches("wirework_service_ready", |ready| ready == 0.0).await;
    prometheus
        .reaches("wirework_component_state{component='gate:x:a',state='opening'}", |is| is == 1.0)
        .await;

    gate.allow(Step::Open);
    let container = within("the start", started).await.unwrap().unwrap();
    prometheus.reaches("wirework_service_ready", |ready| ready == 1.0).await;
    prometheus.reaches("sum(wirework_component_state{state='open'})", |open| open == 4.0).await;
    let server = Server::Tcp(target);
    for _ in 0..10 {
        server.get("/nowhere").await.unwrap();
    }
    let unknown = "wirework_http_route_time_seconds_count{route='unknown',code='4xx'}";
    prometheus.reaches(unknown, |count| count == 10.0).await;
    let quantile =
        "histogram_quantile(0.99, sum by (le) (rate(wirework_http_route_time_seconds_bucket[1m])))";
    let slow = prometheus.reaches(quantile, |seconds| seconds > 0.0).await;
    assert!(slow < 60.0, "{slow} s for a route");
    prometheus.reaches("process_resident_memory_bytes", |bytes| bytes > 1e6).await;
    assert_eq!(prometheus.last_error().await, "");

    let closing = tokio::spawn(container.close());
    gate.reached(Step::Closing).await;
    prometheus
        .reaches("wirework_component_state{component='gate:x:a',state='closing'}", |is| is == 1.0)
        .await;
    gate.allow(Step::Closed);
    within("the close", closing).await.unwrap().unwrap();
    prometheus.reaches("up", |up| up == 0.0).await;
}
