//! The embedded broker beside its clients in one manifest: what `check` says of them is so, both ways, in the world as it is.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Handle;
use wirework::component::Registry;
use wirework::config::{Problems, Severity};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// The codes of what a broker refuses.
const REFUSED: [&str; 3] = ["CLIENT_REFUSED", "TOPIC_DENIED", "TOO_MANY_FILTERS"];

const ANN: &str = "credential = { username = 'ann', password = 'secret' }\n";
const BOB: &str = "credential = { username = 'bob', password = 'secret' }\n";
const TWO: &str =
    "credentials = [{ username = 'ann', password = 'secret' }, { username = 'bob', password = 'other' }]\n";

/// Lines of a broker.
fn brokers() -> Vec<String> {
    let lines = [
        "",
        ANN,
        TWO,
        &format!("{ANN}allow_anonymous = true\n"),
        &format!("{ANN}users.ann.subscribe = ['site/#']\n"),
        &format!("{ANN}allow_anonymous = true\nanonymous.publish = []\nanonymous.subscribe = []\n"),
        "anonymous.subscribe = ['site/+']\n",
        "anonymous.subscribe = []\nhost = '::1'\n",
        "max_name_length = 30\n",
        "max_packet_size = 1024\n",
        "max_topic_levels = 2\nmax_topic_length = 16\n",
        "max_connections = 1\n",
        "max_sessions = 2\n",
        "max_filters = 1\n",
        "max_filters_in_all = 2\n",
        "allow_anonymous = true\nhost = '0.0.0.0'\n",
        &format!("{ANN}host = 'localhost'\n"),
    ];
    lines.map(str::to_owned).to_vec()
}

/// Lines of a client, and the topics of queues that share its connection.
fn clients() -> Vec<(String, &'static str)> {
    let client_id = |id: &str| format!("client_id = {id:?}\n");
    let will = |topic: &str, size: usize| {
        format!("will = {{ topic = '{topic}', payload = '{}' }}\n", "x".repeat(size))
    };
    vec![
        (String::new(), ""),
        (ANN.to_owned(), ""),
        (BOB.to_owned(), ""),
        ("credential = { username = 'ann', password = 'wrong' }\n".to_owned(), ""),
        ("credential = { username = 'ann' }\n".to_owned(), ""),
        ("connection.protocol = 'ws'\n".to_owned(), ""),
        ("connection.protocol = 'tcp'\noptions.protocol_version = 5\n".to_owned(), ""),
        (client_id("plain-1_2.3"), ""),
        (client_id("has blanks and é"), ""),
        (client_id("site/7"), ""),
        (client_id("back\\slash"), ""),
        (client_id(".."), ""),
        (client_id("...a"), ""),
        (client_id("cert:ann"), ""),
        (client_id(&"x".repeat(31)), ""),
        (client_id(&"x".repeat(128)), ""),
        (client_id(&"x".repeat(129)), ""),
        (format!("{ANN}{}", client_id("ann")), "site/7"),
        (String::new(), "site/7"),
        (String::new(), "site/#"),
        (String::new(), "site/7 site/8"),
        (String::new(), "site/7 site/8 site/7"),
        (String::new(), "site/7 site/8 site/9"),
        ("options.protocol_version = 5\n".to_owned(), "site/7 site/#"),
        (ANN.to_owned(), "other"),
        (String::new(), "a/b/c"),
        (String::new(), "a-topic-with-many-letters"),
        (will("gone", 900), ""),
        (will("gone", 1100), ""),
        (will("a/b/c", 1), ""),
        (will("gone", 60_000), ""),
        (format!("{}options.protocol_version = 5\n", will("gone", 940)), ""),
    ]
}

/// A broker, a client of it, what may be a second one, and queues.
fn manifest((broker, client, topics): (&str, &str, &str), host: &str, second: bool, port: u16) -> String {
    let section =
        |kind: &str, lines: &str| format!("[[component]]\ndescriptor = 'pip-services:{kind}:1.0'\n{lines}\n");
    let after = "after = ['*:broker:*:*:*']\noptions.retry_connect = false\n";
    let connection = format!("{after}connection.host = '{host}'\nconnection.port = {port}\n");
    let mut text = section("broker:mqtt:default", &format!("port = {port}\n{broker}"));
    text += &section("connection:mqtt:default", &format!("{connection}{client}"));
    for (number, topic) in topics.split_whitespace().enumerate() {
        let lines = format!("topic = '{topic}'\noptions.autosubscribe = true\n");
        text += &section(&format!("message-queue:mqtt:q{number}"), &lines);
    }
    if second {
        let login = client.lines().find(|line| line.starts_with("credential")).unwrap_or_default();
        text += &section("message-queue:mqtt:second", &format!("{connection}{login}"));
    }
    text
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What `check` says, and whether it is so.
async fn outcome(registry: &Registry, text: &str) -> Result<bool, String> {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("service.toml"), text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, registry, &mut problems);
    let codes: Vec<_> =
        problems.iter().filter(|one| one.severity == Severity::Error).map(|one| one.code).collect();
    if codes.iter().any(|code| !REFUSED.contains(code)) {
        return Err(format!("it is wrong for another reason: {codes:?}"));
    }
    let started = Container::start(plan, None, Handle::current(), tokio::time::sleep(START)).await;
    match (codes.is_empty(), started) {
        (true, Ok(Started::Ready(container))) => {
            container.close().await.map_err(|failures| format!("it does not close: {failures:?}"))?;
            Ok(true)
        }
        (false, Err(_)) => Ok(false),
        (true, Err(failures)) => {
            let said: Vec<_> = failures.iter().map(|one| format!("{one}: {}", one.source.chain())).collect();
            Err(format!("check says ok, and it does not open: {}", said.join("; ")))
        }
        (false, Ok(_)) => Err(format!("check says {codes:?}, and it opens")),
        (true, Ok(Started::Stopped(failures))) => Err(format!("it stopped: {failures:?}")),
    }
}

/// Every broker with every client; without `WIREWORK_MANIFESTS` each third pair.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_check_says_of_a_broker_and_its_clients_is_true() {
    let registry = Registry::linked().unwrap();
    let step = if std::env::var_os("WIREWORK_MANIFESTS").is_some() { 1 } else { 3 };
    let (brokers, clients) = (brokers(), clients());
    let pairs = brokers.iter().flat_map(|broker| clients.iter().map(move |client| (broker, client)));
    let (mut opened, mut refused, mut wrong) = (0, 0, Vec::new());
    for (number, (broker, (client, topic))) in pairs.enumerate().step_by(step) {
        let host = ["::1", "localhost"].into_iter().find(|host| broker.contains(host));
        let host = host.unwrap_or(["127.0.0.1", "localhost"][number % 2]);
        let text = manifest((broker, client, topic), host, number % 4 == 0, free_port());
        match outcome(&registry, &text).await {
            Ok(true) => opened += 1,
            Ok(false) => refused += 1,
            Err(why) => wrong.push(format!("{why}\n{text:.1500}")),
        }
    }
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} are untrue, {opened} open, {refused} are refused\n{shown}", wrong.len());
    assert!(opened > 30 && refused > 30, "little is proven: {opened} open, {refused} are refused");
}
