//! What Prometheus scrapes, from before the first open to after the last close.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use wirework::count::Counters;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::prometheus::{Exposition, PrometheusCounters, PrometheusCountersConfig, TextFormat};

use super::gate::{Service, Step};
use super::routes::{SHOP, shop};
use super::support::exposition::{Scrape, parse};
use super::support::http::Answer;
use super::support::process::free_port;
use super::support::{promtool, within};

pub const METRICS: &str = "[[component]]\ndescriptor = \"pip-services:metrics-controller:prometheus:default:1.0\"\n\
                       [[component]]\ndescriptor = \"pip-services:counters:prometheus:default:1.0\"\n";

pub async fn scrape(service: &Service) -> Scrape {
    let answer = service.server.get("/metrics").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    parse(&answer.body, false)
}

async fn accepting(service: &Service, accept: &str) -> Answer {
    let request =
        format!("GET /metrics HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    service.server.send(request).await.unwrap()
}

/// The state of the gate, and whether the service is ready.
fn state(scrape: &Scrape) -> (String, f64) {
    let states = scrape.of("wirework_component_state{component=\"gate:x:a\",");
    assert_eq!(states.len(), 7, "{states:?}");
    let is: Vec<_> = states.into_iter().filter(|state| scrape.value(state) == Some(1.0)).collect();
    let [is] = is[..] else { panic!("{is:?} at once") };
    let state = is.split('"').nth(3).unwrap().to_owned();
    (state, scrape.value("wirework_service_ready").unwrap())
}

#[tokio::test]
async fn a_service_is_scraped_from_before_the_first_open_to_after_the_last_close() {
    let service = Service::new(false);
    let started = service.start("", METRICS);
    service.gate.reached(Step::Opening).await;
    assert_eq!(state(&scrape(&service).await), ("opening".to_owned(), 0.0));
    service.gate.allow(Step::Open);
    let container = within("the start", started).await.unwrap().unwrap();
    let open = scrape(&service).await;
    assert_eq!(state(&open), ("open".to_owned(), 1.0));

    let closing = tokio::spawn(container.close());
    service.gate.reached(Step::Closing).await;
    let last = scrape(&service).await;
    assert_eq!(state(&last), ("closing".to_owned(), 0.0));
    let changes = "wirework_component_state_changes_total{component=\"gate:x:a\"}";
    assert!(open.value(changes) < last.value(changes) && last.value(changes).is_some());
    service.gate.allow(Step::Closed);
    within("the close", closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_scrape_has_counters_process_runtime_and_log() {
    let service = Service::new(false);
    let container = service.open("", METRICS).await;
    service.server.get("/nothing").await.unwrap();
    let scrape = scrape(&service).await;
    let of_endpoint = |name: &str| scrape.value(&format!("{name}{{component=\"endpoint:http:default\"}}"));
    assert_eq!(of_endpoint("wirework_http_request_refused_total"), Some(1.0));
    assert!(of_endpoint("wirework_http_request_time_seconds_count") >= Some(1.0));
    assert_eq!(scrape.types["wirework_http_request_time_seconds"], "histogram");
    assert_eq!(scrape.value("wirework_metrics_overflowed_counters_total"), Some(0.0));
    assert_eq!(scrape.of("wirework_log_records_total{").len(), 6);
    assert!(scrape.value("wirework_runtime_workers") >= Some(1.0));
    assert!(scrape.value("wirework_runtime_tasks") >= Some(1.0), "the one that answers");
    if cfg!(target_os = "linux") {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let start = scrape.value("process_start_time_seconds").unwrap();
        assert!((now - 86_400.0..=now + 1.0).contains(&start), "{start} beside {now}");
        let positive = ["resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds", "threads"];
        for name in positive {
            assert!(scrape.value(&format!("process_{name}")) > Some(0.0), "{name}");
        }
        assert!(scrape.value("process_cpu_seconds_total") >= Some(0.0));
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_class_and_never_by_what_a_client_chooses() {
    let service = Service::new(false);
    service.gate.allow(Step::Closed);
    let container = service.host("", &format!("{METRICS}{SHOP}")).factory(shop()).start().await.unwrap();
    for path in
        ["/shop/tea/green", "/shop/tea/black", "/shop/nothing", "/nowhere/1", "/nowhere/2", "/metrics"]
    {
        service.server.get(path).await.unwrap();
    }
    for (method, path) in
        [("DELETE", "/shop/orders"), ("BREW", "/shop/tea/green"), ("BREW2", "/shop/tea/green")]
    {
        service.server.ask(method, path).await.unwrap();
    }
    service.server.get("/shop/broken").await.unwrap();
    let scrape = scrape(&service).await;
    let family = "wirework_http_route_time_seconds";
    assert_eq!(scrape.types[family], "histogram");
    let labels = |method, route, code| {
        format!(
            "{{component=\"endpoint:http:default\",method=\"{method}\",route=\"{route}\",code=\"{code}\"}}"
        )
    };
    let counts = [
        ("GET", "/shop/tea/{kind}", "2xx", 2.0),
        ("other", "/shop/tea/{kind}", "4xx", 2.0),
        ("DELETE", "/shop/orders", "4xx", 1.0),
        ("GET", "/metrics", "2xx", 1.0),
        ("GET", "/shop/broken", "5xx", 1.0),
        // What a component has no route for, and what nobody has.
        ("GET", "unknown", "4xx", 3.0),
    ];
    for (method, route, code, expected) in counts {
        let name = format!("{family}_count{}", labels(method, route, code));
        assert_eq!(scrape.value(&name), Some(expected), "{name} of {:?}", scrape.of(family));
    }
    assert_eq!(scrape.of(&format!("{family}_count{{")).len(), counts.len());
    container.close().await.unwrap();
}

#[tokio::test]
async fn the_format_is_what_the_client_prefers() {
    let service = Service::new(false);
    let container = service.open("", METRICS).await;
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;\
                      q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let open_metrics = accepting(&service, prometheus).await;
    let content_type = Some("application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!((open_metrics.status, open_metrics.header("content-type")), (200, content_type));
    parse(&open_metrics.body, true);
    let text = accepting(&service, "text/html, */*; q=0.1").await;
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(text.header("cache-control"), Some("no-store"));
    parse(&text.body, false);
    assert_eq!(service.server.ask("POST", "/metrics").await.unwrap().status, 405);
    assert_eq!(service.status("/metricsandreset").await, 404);
    container.close().await.unwrap();
}

/// Queues of both kinds, and a broker for that over MQTT.
fn queues(port: u16) -> String {
    format!(
        "[[component]]\ndescriptor = \"pip-services:message-queue:memory:jobs:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:broker:mqtt:default:1.0\"\nport = {port}\n\
         [[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\n\
         connection = {{ host = \"127.0.0.1\", port = {port} }}\nafter = [\"*:broker:*:*:1.0\"]\n\
         [[component]]\ndescriptor = \"pip-services:message-queue:mqtt:orders:1.0\"\n\
         options.qos = 1\noptions.autosubscribe = true\noptions.serialize_envelope = true\n"
    )
}

#[tokio::test]
async fn the_depth_of_a_queue_is_asked_for_when_it_is_scraped() {
    let service = Service::new(false);
    let container = service.open("", &format!("{METRICS}{}", queues(free_port()))).await;
    for (kind, name) in [("memory", "jobs"), ("mqtt", "orders")] {
        let descriptor = format!("pip-services:message-queue:{kind}:{name}:1.0").parse().unwrap();
        let queue = container.get::<dyn MessageQueue>(&descriptor).expect("the queue");
        let depth = async || {
            let scrape = scrape(&service).await;
            let of = |what| {
                let labels = format!("{{component=\"message-queue:{kind}:{name}\",queue=\"{name}\"}}");
                scrape.value(&format!("wirework_queue_{what}_messages{labels}"))
            };
            (of("waiting"), of("leased"))
        };
        assert_eq!(depth().await, (Some(0.0), Some(0.0)), "{kind}");
        let mut received = Vec::new();
        for text in ["a", "b", "c"] {
            queue.send(MessageEnvelope::new("job", text)).await.unwrap();
            let message = queue.receive(Duration::from_secs(60)).await.unwrap();
            received.push(message.expect("what was sent"));
        }
        assert_eq!(depth().await, (Some(0.0), Some(3.0)), "{kind}");
        queue.abandon(&received[0]).await.unwrap();
        queue.complete(&received[1]).await.unwrap();
        assert_eq!(depth().await, (Some(1.0), Some(1.0)), "{kind}");
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn who_takes_gzip_gets_it() {
    let service = Service::new(false);
    let container = service.open("", METRICS).await;
    let asked = async |method: &str, coding: &str| {
        let request = format!(
            "{method} /metrics HTTP/1.1\r\nhost: test\r\naccept-encoding: {coding}\r\nconnection: close\r\n\r\n"
        );
        let (head, body) = service.server.send_for_bytes(request).await.unwrap();
        let head = head.to_ascii_lowercase();
        assert!(
            head.starts_with("http/1.1 200 ") && head.contains("\r\nvary: accept, accept-encoding\r\n"),
            "{head}"
        );
        (head.contains("\r\ncontent-encoding: gzip\r\n"), head, body)
    };
    let (gzip, head, body) = asked("GET", "br, gzip;q=0.5").await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    assert!(gzip && head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
    assert!(body.len() * 3 < text.len(), "{} of {}", body.len(), text.len());
    assert_eq!(parse(&text, false).types["wirework_service_ready"], "gauge");

    let (gzip, _, body) = asked("GET", "gzip;q=0").await;
    assert!(!gzip);
    parse(&String::from_utf8(body).unwrap(), false);
    let (gzip, _, body) = asked("HEAD", "gzip").await;
    assert_eq!((gzip, body.len()), (true, 0));
    container.close().await.unwrap();
}

#[tokio::test]
async fn the_route_is_where_the_manifest_has_it() {
    let service = Service::new(false);
    let more = METRICS.replacen("1.0\"\n", "1.0\"\nbase_route = \"internal\"\nroute = \"prometheus\"\n", 1);
    let container = service.open("", &more).await;
    assert_eq!((service.status("/internal/prometheus").await, service.status("/metrics").await), (200, 404));
    container.close().await.unwrap();
}

#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    let service = Service::new(false);
    let container = service.open("", METRICS).await;
    service.server.get("/nothing").await.unwrap();
    let scraped = service.server.get("/metrics").await.unwrap().body;
    container.close().await.unwrap();
    let (metrics, counters) = metrics(2_000);
    every_kind(&counters, "job", 2.5);
    for text in [scraped, metrics.text(TextFormat::Text)] {
        let Some(said) = promtool::check(&text) else { return };
        assert_eq!(said, "", "{text}");
    }
}

fn metrics(max_series: usize) -> (Arc<PrometheusCounters>, Counters) {
    let mut config = PrometheusCountersConfig::default();
    config.options.max_series = max_series;
    let metrics = Arc::new(PrometheusCounters::new(&config));
    let counters = Counters::of("acme:part:test:a:1.0".parse().unwrap());
    counters.bind(vec![metrics.clone()]);
    (metrics, counters)
}

fn every_kind(counters: &Counters, name: &str, value: f64) {
    counters.increment(name).one();
    counters.last(name).set(value);
    counters.stats(name).record(value);
    counters.timing(name).record(Duration::from_secs_f64(value.abs() % 1e6));
    counters.timestamp(name).now();
}

/// Those of counters: the others differ from one moment to the next.
fn of_counters(scrape: Scrape) -> Scrape {
    let others = ["process_", "wirework_runtime_", "wirework_log_"];
    let counts = |name: &String| !others.iter().any(|other| name.starts_with(other));
    let Scrape { mut samples, mut types } = scrape;
    samples.retain(|name, _| counts(name));
    types.retain(|name, _| counts(name));
    Scrape { samples, types }
}

/// Names that meet after they were made valid, and such as nobody should give.
fn names() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "a",
        "a.total",
        "a_total",
        "a.count",
        "a.seconds",
        "A",
        "a.min",
        "a.sum",
        "a.bucket",
        "a.created",
        "a.timestamp.seconds",
        "service.ready",
        "queue.x.sent",
        "queue.x\"\\\n,le=\"1\"}.sent",
        "queue..sent",
        "bridge.a.b.c",
        "metrics.overflowed.counters",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "\\PC{0,12}", any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever counters are called and count, every line is right, no sample is there twice, and a scrape changes nothing.
    #[test]
    fn every_line_parses_and_a_scrape_changes_nothing(
        named in prop::collection::vec((names(), any::<f64>(), any::<bool>()), 0..20),
        max_series in 1_usize..4,
    ) {
        let (metrics, counters) = metrics(max_series);
        let mut kept = Vec::new();
        for (name, value, stays) in named {
            let of = counters.scoped();
            every_kind(&of, &name, if value.is_finite() { value } else { 0.0 });
            if stays { kept.push(of) }
        }
        for (format, open_metrics) in [(TextFormat::Text, false), (TextFormat::OpenMetrics, true)] {
            let once = of_counters(parse(&metrics.text(format), open_metrics));
            let again = of_counters(parse(&metrics.text(format), open_metrics));
            // As text: no number is equal to itself that is none.
            prop_assert_eq!(format!("{once:?}"), format!("{again:?}"));
        }
    }
}
