//! Metrics that are pushed: to a real Pushgateway, and to one that does as it is told.

use std::time::Duration;

use wirework::component::{ComponentState, Status};
use wirework_container::run::Container;

use super::gate::Service;
use super::support::certificates::Authority;
use super::support::collector::{Answer, Collector};
use super::support::front::Front;
use super::support::process::free_port;
use super::support::promtool;
use super::support::pushgateway::Pushgateway;
use super::support::within;

/// The section that pushes.
fn pushing(uri: &str, more: &str) -> String {
    format!(
        "[[component]]\ndescriptor = \"pip-services:counters:prometheus:default:1.0\"\npush_enabled = true\n\
         connection.uri = \"{uri}\"\n{more}\n"
    )
}

/// The component that pushes, as it is now.
fn counters(container: &Container) -> ComponentState {
    let mut all = container.view().components().into_iter();
    all.find(|one| one.descriptor.r#type() == "counters").expect("it is there")
}

/// All states that it was in.
fn history(container: &Container) -> Vec<String> {
    let history = container.view().history(counters(container).position);
    history.iter().map(|change| change.status.to_string()).collect()
}

/// Why it is recovering, once it is.
async fn recovering(container: &Container) -> String {
    let mut changes = container.view().changes();
    let recovering = async {
        loop {
            if let Status::Recovering(reason) = counters(container).status {
                return reason.to_string();
            }
            changes.next().await;
        }
    };
    within("the failure of a push", recovering).await
}

#[tokio::test]
async fn a_real_pushgateway_shows_what_a_service_pushes_and_what_it_was_at_its_end() {
    let Some(gateway) = Pushgateway::start().await else { return };
    let service = Service::new(false);
    let uri = format!("http://{}", gateway.address);
    let more = "interval = \"20ms\"\ninstance = \"one\"";
    let container = service.open("", &pushing(&uri, more)).await;
    let ready = "\nwirework_service_ready{instance=\"one\",job=\"shop\"} 1\n";
    gateway.reaches(|metrics| metrics.contains(ready)).await;
    service.server.get("/nothing").await.unwrap();
    let refused = "wirework_http_request_refused_total{component=\"endpoint:http:default\",instance=\"one\",job=\"shop\"} 1";
    let shown = gateway.reaches(|metrics| metrics.contains(refused)).await;
    assert!(shown.contains("push_failure_time_seconds{instance=\"one\",job=\"shop\"} 0"), "{shown}");

    within("the close", container.close()).await.unwrap();
    let last = gateway.metrics().await;
    for expected in [
        "wirework_service_ready{instance=\"one\",job=\"shop\"} 0",
        "wirework_component_state{component=\"gate:x:a\",instance=\"one\",job=\"shop\",state=\"closed\"} 1",
        "push_failure_time_seconds{instance=\"one\",job=\"shop\"} 0",
    ] {
        assert!(last.contains(expected), "no `{expected}` in\n{last}");
    }
    let ours: String = last
        .lines()
        .filter(|line| line.contains("wirework_"))
        .fold(String::new(), |all, line| all + line + "\n");
    if let Some(said) = promtool::check(&ours) {
        assert_eq!(said, "", "{ours}");
    }
}

#[tokio::test]
async fn what_was_pushed_is_deleted_where_the_manifest_says_so() {
    let Some(gateway) = Pushgateway::start().await else { return };
    let service = Service::new(false);
    let uri = format!("http://{}", gateway.address);
    let more =
        "source = \"tea/shop\"\ninstance = \"a b\"\ninterval = \"20ms\"\noptions.delete_on_close = true";
    let container = service.open("", &pushing(&uri, more)).await;
    gateway
        .reaches(|metrics| metrics.contains("wirework_service_ready{instance=\"a b\",job=\"tea/shop\"} 1"))
        .await;
    within("the close", container.close()).await.unwrap();
    let left = gateway.metrics().await;
    assert!(!left.contains("wirework_") && !left.contains("tea/shop"), "{left}");
}

#[tokio::test]
async fn a_pushgateway_that_is_away_or_refuses_changes_the_state_once_and_nobody_waits_for_it() {
    let failures = [Answer::Status(400, None), Answer::Status(400, None), Answer::Status(400, None)];
    let gateway = Collector::start(failures.into_iter().chain([Answer::Status(202, None)])).await;
    let service = Service::new(false);
    let container = service.open("", &pushing(&gateway.uri(), "interval = \"20ms\"")).await;
    let pushes = gateway.requests(6).await;
    // Of three failures that are the same it says one.
    let failing = "recovering: metrics are not pushed: the Pushgateway answers 400 Bad Request";
    assert_eq!(history(&container), ["created", "opening", "open", failing, "open"]);
    let last = String::from_utf8(pushes[5].body.clone()).unwrap();
    assert!(
        last.contains("wirework_prometheus_push_failed_total{component=\"counters:prometheus:default\"} 3"),
        "{last}"
    );
    assert!(
        pushes
            .iter()
            .all(|push| (push.method.as_str(), push.path.starts_with("/metrics/job/shop/instance/"))
                == ("PUT", true))
    );
    assert_eq!(pushes[0].headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    within("the close", container.close()).await.unwrap();

    let service = Service::new(false);
    let away = format!("http://127.0.0.1:{}", free_port());
    let container = service.open("", &pushing(&away, "interval = \"20ms\"")).await;
    let failing = recovering(&container).await;
    assert!(failing.contains("is not reached"), "{failing}");
    within("the close", container.close()).await.unwrap();
}

#[tokio::test]
async fn a_pushgateway_that_is_silent_holds_nobody_up() {
    let gateway = Collector::start((0..10_000).map(|_| Answer::Silence)).await;
    let service = Service::new(false);
    let more = "interval = \"20ms\"\noptions = { timeout = \"50ms\", close_timeout = \"100ms\" }";
    let container = service.open("", &pushing(&gateway.uri(), more)).await;
    assert_eq!(recovering(&container).await, "metrics are not pushed: there is no answer in time");
    gateway.requests(2).await;
    let began = std::time::Instant::now();
    within("the close", container.close()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "the silence lasts an hour");
}

#[tokio::test]
async fn a_pushgateway_behind_tls_gets_the_credential_and_the_last_metrics_alone() {
    let (authority, gateway) = (Authority::new(), Collector::start([]).await);
    let front = Front::tls(gateway.address, &authority.broker("localhost"), Some(&authority)).await;
    let client = authority.client("service");
    let more = format!(
        "credential = {{ username = \"u\", password = \"p\" }}\ninterval = 0\n\
         tls = {{ ca_file = \"{}\", cert_file = \"{}\", key_file = \"{}\" }}",
        authority.ca_file().display(),
        client.cert_file.display(),
        client.key_file.display()
    );
    let service = Service::new(false);
    let uri = format!("https://localhost:{}/gateway", front.port);
    let container = service.open("", &pushing(&uri, &more)).await;
    within("the close", container.close()).await.unwrap();
    let pushes = gateway.requests(1).await;
    assert_eq!((pushes.len(), &pushes[0].headers["authorization"]), (1, &"Basic dTpw".parse().unwrap()));
    assert!(pushes[0].path.starts_with("/gateway/metrics/job/shop/instance/"), "{}", pushes[0].path);
    assert!(pushes[0].has("wirework_component_state{component=\"gate:x:a\",state=\"closed\"} 1"));
}

#[tokio::test]
async fn where_a_pushgateway_is_may_be_said_by_components_that_open_later_and_close_earlier() {
    let gateway = Collector::start([]).await;
    let service = Service::new(false);
    let more = format!(
        "[[component]]\ndescriptor = \"pip-services:counters:prometheus:default:1.0\"\npush_enabled = true\ninterval = 0\n\
         connection.discovery_key = \"gateway\"\ncredential.store_key = \"gateway\"\n\
         [[component]]\ndescriptor = \"pip-services:discovery:memory:default:1.0\"\n\
         connections.gateway = {{ uri = \"{}\" }}\n\
         [[component]]\ndescriptor = \"pip-services:credential-store:memory:default:1.0\"\n\
         credentials.gateway = {{ username = \"u\", password = \"p\" }}\n",
        gateway.uri()
    );
    let container = service.open("", &more).await;
    within("the close", container.close()).await.unwrap();
    let pushes = gateway.requests(1).await;
    assert_eq!((pushes.len(), &pushes[0].headers["authorization"]), (1, &"Basic dTpw".parse().unwrap()));
    assert!(
        pushes[0].has("wirework_component_state{component=\"discovery:memory:default\",state=\"closed\"} 1")
    );
}
