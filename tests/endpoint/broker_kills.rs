//! A broker is killed again and again, at random moments, while somebody probes the service, scrapes it and has its page open.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wirework_container::Host;

use super::support::exposition::parse;
use super::support::http::Server;
use super::support::mosquitto::Mosquitto;
use super::support::within;

/// How often the broker is killed where `WIREWORK_KILLS` says nothing; `.ci/run` has it killed 100 times.
const KILLS: usize = 5;
/// The longest random pause between two steps, in milliseconds.
const LONGEST_PAUSE: u64 = 30;
/// Requests of the watchers, one after another.
const WATCHED: [&str; 4] = ["/metrics", "/admin/", "/admin/api/components", "/admin/api/drawing"];

fn manifest(socket: &str, broker: u16) -> String {
    format!(
        "[service]\nname = \"shop\"\n\
         [[component]]\ndescriptor = \"pip-services:endpoint:http:default:1.0\"\nconnection.path = \"{socket}\"\n\
         [[component]]\ndescriptor = \"pip-services:metrics-controller:prometheus:default:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:admin-controller:http:default:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:counters:prometheus:default:1.0\"\n\
         [[component]]\ndescriptor = \"pip-services:connection:mqtt:default:1.0\"\nreadiness = \"open\"\n\
         connection = {{ host = \"127.0.0.1\", port = {broker} }}\n\
         options.reconnect_timeout = 5\noptions.max_reconnect_timeout = 20\n"
    )
}

/// What somebody saw in turn, each state once as long as it lasted.
#[derive(Clone)]
struct Seen(Arc<watch::Sender<Vec<String>>>);

impl Seen {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }

    fn note(&self, state: String) {
        self.0.send_if_modified(|seen| {
            let news = seen.last() != Some(&state);
            if news {
                seen.push(state);
            }
            news
        });
    }

    /// Waits until this is the state, and so many have been seen.
    async fn reaches(&self, state: &str, count: usize) {
        let mut seen = self.0.subscribe();
        let reached =
            seen.wait_for(|seen| seen.len() >= count && seen.last().is_some_and(|last| last == state));
        within(format_args!("`{state}` as number {count}"), reached).await.unwrap();
    }

    /// All states.
    fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// Asks `/readyz` once a millisecond; nothing may go unanswered.
fn probe(server: Server, seen: Seen) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(1));
        loop {
            every.tick().await;
            let answer = server.get("/readyz").await.expect("the endpoint answers all the time");
            seen.note(format!("{} {}", answer.status, answer.body.trim_end()));
        }
    })
}

/// Asks for everything else that an operator looks at; how often is counted.
fn scrape(server: Server, rounds: watch::Sender<u64>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            for path in WATCHED {
                let answer = server.get(path).await.expect("the endpoint answers all the time");
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                match path {
                    "/metrics" => drop(parse(&answer.body, false)),
                    "/admin/" => assert!(answer.body.ends_with("</html>\n"), "{}", answer.body),
                    _ => drop(serde_json::from_str::<Value>(&answer.body).expect("JSON")),
                }
            }
            rounds.send_modify(|rounds| *rounds += 1);
        }
    })
}

/// Follows the events of the page, as it would itself: one stream that never ends.
async fn follow(server: &Server, seen: Seen) -> JoinHandle<()> {
    let mut stream = server.connect().await.unwrap();
    stream.write_all(b"GET /admin/api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    // The first event says that the stream has begun.
    let begun =
        async { while !lines.next_line().await.unwrap().expect("a stream").contains("event: service") {} };
    within("the first event", begun).await;
    tokio::spawn(async move {
        while let Some(line) = lines.next_line().await.unwrap() {
            assert!(!line.starts_with("event: missed"), "a client that reads misses nothing");
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let data: Value = serde_json::from_str(data).expect("JSON");
            let of = &data["component"];
            if of["descriptor"] == "pip-services:connection:mqtt:default:1.0" {
                seen.note(of["state"].as_str().expect("a state").to_owned());
            }
        }
        panic!("the stream of events has ended");
    })
}

/// Some time that nobody foresees: the broker dies and comes back in the midst of anything.
async fn pause() {
    let random = RandomState::new().hash_one(std::time::SystemTime::now());
    tokio::time::sleep(Duration::from_millis(random % LONGEST_PAUSE)).await;
}

#[tokio::test]
async fn a_broker_that_is_killed_again_and_again_is_told_of_by_probes_metrics_and_page() {
    let kills = std::env::var("WIREWORK_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let Some(mut broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, socket) = (folder.path().join("service.toml"), folder.path().join("http"));
    std::fs::write(&path, manifest(socket.to_str().unwrap(), broker.port)).unwrap();
    let container = within("the start", Host::new().manifest(path).start()).await.unwrap();
    let server = Server::Unix(socket);

    let (ready, states, rounds) = (Seen::new(), Seen::new(), watch::Sender::new(0));
    let watchers = [
        probe(server.clone(), ready.clone()),
        follow(&server, states.clone()).await,
        scrape(server.clone(), rounds.clone()),
    ];
    ready.reaches("200 ready", 1).await;
    for kill in 1..=kills {
        pause().await;
        broker.stop("KILL").await;
        ready.reaches("503 blocked", 2 * kill).await;
        states.reaches("recovering", 2 * kill - 1).await;
        pause().await;
        broker.restart().await;
        ready.reaches("200 ready", 2 * kill + 1).await;
        states.reaches("open", 2 * kill).await;
    }
    // Those who scrape have come round since.
    let scraped = *rounds.borrow();
    within("another round", rounds.subscribe().wait_for(|rounds| *rounds > scraped + 1)).await.unwrap();
    for watcher in watchers {
        assert!(!watcher.is_finished(), "nobody who watched was let down: {:?}", watcher.await);
        watcher.abort();
    }

    // In turn and each time once, also for whoever looks afterwards.
    let expected = |first: &[&str], again: [&str; 2]| {
        let states = first.iter().copied().chain(again.into_iter().cycle().take(2 * kills));
        states.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ready.all(), expected(&["200 ready"], ["503 blocked", "200 ready"]));
    assert_eq!(states.all(), expected(&[], ["recovering", "open"]));
    let metrics = parse(&server.get("/metrics").await.unwrap().body, false);
    let of_connection = |name: &str| {
        metrics.value(&format!("wirework_{name}_total{{component=\"connection:mqtt:default\"}}"))
    };
    assert_eq!(of_connection("component_recoveries"), Some(kills as f64));
    assert_eq!(of_connection("mqtt_link_reconnects"), Some(kills as f64));
    container.close().await.unwrap();
}
