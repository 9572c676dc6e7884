//! What probes are answered, from before the first open to after the last close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use wirework::component::Status;
use wirework::{Category, Error};

use super::gate::{Service, Step};
use super::support::within;

const PROBES: [&str; 3] = ["/livez", "/readyz", "/startupz"];

async fn probes(service: &Service) -> [(u16, String); 3] {
    let mut answers = Vec::new();
    for probe in PROBES {
        let answer = service.server.get(probe).await.unwrap();
        answers.push((answer.status, answer.body.trim_end().to_owned()));
    }
    answers.try_into().unwrap()
}

fn expected(ready: (u16, &str), started: (u16, &str)) -> [(u16, String); 3] {
    [(200, "live"), ready, started].map(|(status, word)| (status, word.to_owned()))
}

async fn health(service: &Service) -> (u16, Value) {
    let answer = service.server.get("/healthz").await.unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// Asks all the time; how often, and how often in vain.
struct Scraper {
    end: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
    asked: Arc<AtomicU64>,
}

impl Scraper {
    fn new(service: &Service) -> Self {
        let (end, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, counted, server) = (Arc::clone(&end), Arc::clone(&asked), service.server.clone());
        let task = tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(1));
            let mut in_vain = 0;
            while !ended.load(Ordering::SeqCst) {
                every.tick().await;
                for probe in PROBES {
                    in_vain += u64::from(server.get(probe).await.is_err());
                }
                counted.fetch_add(1, Ordering::SeqCst);
            }
            in_vain
        });
        Self { end, task, asked }
    }

    async fn end(self) {
        self.end.store(true, Ordering::SeqCst);
        assert_eq!(within("the scraper", self.task).await.unwrap(), 0, "some were not answered");
        assert!(self.asked.load(Ordering::SeqCst) > 0);
    }
}

#[tokio::test]
async fn probes_are_answered_from_before_the_first_open_to_after_the_last_close() {
    let service = Service::new(false);
    let started = service.start("", "");
    service.gate.reached(Step::Opening).await;
    let scraper = Scraper::new(&service);
    assert_eq!(probes(&service).await, expected((503, "starting"), (503, "starting")));
    let (status, body) = health(&service).await;
    assert_eq!(
        (status, &body["readiness"], &body["components"][0]["state"]),
        (503, &"starting".into(), &"opening".into())
    );

    service.gate.allow(Step::Open);
    let container = within("the start", started).await.unwrap().unwrap();
    assert_eq!(probes(&service).await, expected((200, "ready"), (200, "started")));
    let (status, body) = health(&service).await;
    assert_eq!(
        (status, body["name"].as_str(), body["description"].as_str()),
        (200, Some("shop"), Some("Sells tea"))
    );
    let gate = &body["components"][0];
    assert_eq!(
        (gate["descriptor"].as_str(), gate["critical"].as_bool()),
        (Some("t:gate:x:a:1.0"), Some(true))
    );
    assert_eq!((gate["state"].as_str(), gate["changes"].as_u64()), (Some("open"), Some(2)));

    // What recovers does not count, unless its section says so.
    service.gate.context().set_status(Status::recovering("link lost"));
    assert_eq!(probes(&service).await, expected((200, "ready"), (200, "started")));
    let (status, body) = health(&service).await;
    let gate = &body["components"][0];
    assert_eq!(
        (status, gate["state"].as_str(), gate["reason"].as_str()),
        (200, Some("recovering"), Some("link lost"))
    );
    service.gate.context().set_status(Status::Open);

    let closing = tokio::spawn(container.close());
    service.gate.reached(Step::Closing).await;
    assert_eq!(probes(&service).await, expected((503, "closed"), (200, "started")));
    scraper.end().await;
    service.gate.allow(Step::Closed);
    within("the close", closing).await.unwrap().unwrap();
    assert!(service.server.connect().await.is_err(), "nobody listens any more");
    assert!(!service.socket().exists(), "the socket has gone with its listener");
}

/// Every state of a service whose section says that it is ready only while it is open, with a delay.
#[tokio::test]
async fn readiness_follows_the_service_through_recovery_and_drain() {
    let mut service = Service::new(false);
    service.keys = "drain_delay = \"1h\"\ntimeout = \"60s\"";
    let started = service.start("", "readiness = \"open\"");
    service.gate.reached(Step::Opening).await;
    let scraper = Scraper::new(&service);
    let ready = async || {
        let answer = service.server.get("/readyz").await.unwrap();
        (answer.status, answer.body.trim_end().to_owned())
    };
    assert_eq!(ready().await, (503, "starting".into()));
    service.gate.allow(Step::Open);
    let container = within("the start", started).await.unwrap().unwrap();
    assert_eq!(ready().await, (200, "ready".into()));
    service.gate.context().set_status(Status::recovering("link lost"));
    assert_eq!(ready().await, (503, "blocked".into()));
    service.gate.context().set_status(Status::Open);
    assert_eq!(ready().await, (200, "ready".into()));
    // Not ready at once, and everything is served for the whole delay, which a failure ends.
    {
        let mut drained = std::pin::pin!(container.drain());
        assert!(futures_util::poll!(&mut drained).is_pending());
        assert_eq!(ready().await, (503, "draining".into()));
        assert_eq!(health(&service).await.1["state"], "draining");
        assert!(container.view().takes_work() && futures_util::poll!(&mut drained).is_pending());
        service.gate.context().stop(Error::new(Category::Internal, "TEST", "worn out"));
        within("the drain", drained).await;
    }
    assert_eq!(ready().await, (503, "draining".into()));
    let closing = tokio::spawn(container.close());
    service.gate.reached(Step::Closing).await;
    assert_eq!(ready().await, (503, "closed".into()));
    scraper.end().await;
    service.gate.allow(Step::Closed);
    within("the close", closing).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_start_that_fails_is_never_ready() {
    let service = Service::new(true);
    let started = service.start("", "");
    service.gate.reached(Step::Opening).await;
    let scraper = Scraper::new(&service);
    service.gate.allow(Step::Open);
    service.gate.reached(Step::Closing).await;
    assert_eq!(probes(&service).await, expected((503, "closed"), (200, "started")));
    scraper.end().await;
    service.gate.allow(Step::Closed);
    assert!(within("the start", started).await.unwrap().is_err());
    assert!(service.server.connect().await.is_err());
}

#[tokio::test]
async fn a_critical_component_that_fails_blocks_the_service() {
    let service = Service::new(false);
    let container = service.open("", "").await;
    service.gate.context().set_status(Status::failed(Error::new(Category::Internal, "TEST", "worn out")));
    assert_eq!(probes(&service).await, expected((503, "blocked"), (200, "started")));
    let (status, body) = health(&service).await;
    assert_eq!((status, body["blocked_by"][0].as_str()), (503, Some("t:gate:x:a:1.0")));
    assert_eq!(body["components"][0]["reason"].as_str(), Some("worn out"));
    container.close().await.unwrap_err();
}

#[tokio::test]
async fn probes_take_get_and_head_and_are_not_cached() {
    let service = Service::new(false);
    let container = service.open("", "").await;
    let head = service.server.ask("HEAD", "/readyz").await.unwrap();
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (200, "", Some("6")));
    let post = service.server.ask("POST", "/readyz").await.unwrap();
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    let get = service.server.get("/healthz").await.unwrap();
    assert_eq!(
        (get.header("cache-control"), get.header("content-type")),
        (Some("no-store"), Some("application/json"))
    );
    for path in ["/healthz/", "/healthz/x", "/LIVEZ", "//livez", "/"] {
        assert_eq!(service.status(path).await, 404, "{path}");
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn an_endpoint_may_keep_the_health_of_the_service_to_others() {
    let service = Service::new(false);
    let container = service.open("options.health = false", "").await;
    for path in PROBES {
        assert_eq!(service.status(path).await, 404, "{path}");
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn the_controllers_of_pip_services_answer_as_theirs_do() {
    let service = Service::new(false);
    let more = "[[component]]\ndescriptor = \"pip-services:heartbeat-controller:http:default:1.0\"\n\
                [[component]]\ndescriptor = \"pip-services:status-controller:http:default:1.0\"\nbase_route = \"about\"\n\
                [[component]]\ndescriptor = \"pip-services:context-info:default:default:1.0\"\nproperties.zone = \"b\"\n";
    let container = service.open("", more).await;
    let beat = service.server.get("/heartbeat").await.unwrap();
    let time: String = serde_json::from_str(&beat.body).unwrap();
    assert!(humantime::parse_rfc3339(&time).is_ok(), "{time}");
    let status = service.server.get("/about/status").await.unwrap();
    let body: Value = serde_json::from_str(&status.body).unwrap();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text("name"), text("state"), text("readiness")),
        ("shop".into(), "running".into(), "ready".into())
    );
    assert!(!text("id").is_empty() && body["uptime"].is_u64(), "{body}");
    assert_eq!(body["properties"]["zone"].as_str(), Some("b"));
    let components = body["components"].as_array().unwrap();
    assert_eq!((components.len(), components[0].as_str()), (5, Some("t:gate:x:a:1.0")));
    assert_eq!(body["states"][0]["state"].as_str(), Some("open"));
    assert_eq!(service.server.ask("POST", "/about/status").await.unwrap().status, 405);
    container.close().await.unwrap();
}

#[tokio::test]
async fn a_status_names_the_process_without_a_context_info() {
    let service = Service::new(false);
    let more = "[[component]]\ndescriptor = \"pip-services:status-controller:http:default:1.0\"\n";
    let container = service.open("", more).await;
    let status = service.server.get("/status").await.unwrap();
    let body: Value = serde_json::from_str(&status.body).unwrap();
    let id = body["id"].as_str().unwrap_or_default();
    assert!(id.ends_with(&std::process::id().to_string()), "{body}");
    container.close().await.unwrap();
}
