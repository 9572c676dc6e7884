//! The world that a manifest is tried in: a broker, files, and a container that is faked at its edges only.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Handle;
use wirework::broker::{Broker, BrokerConfig, BrokerError};
use wirework::component::{Component, ComponentFactory, Registry};
use wirework::config::Problems;
use wirework::connect::ConnectionConfig;
use wirework::mqtt::{MqttConfig, MqttConnection, MqttMessageQueue, MqttQueueConfig};
use wirework::{Descriptor, Error, Pattern};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Failure, Failures, Started};

use crate::broker::Embedded;

/// How long a start may take before the world outside is taken to be the reason.
const START: Duration = Duration::from_secs(10);

/// Codes of failures for which no manifest is to blame: nobody listens there, the port is taken, it took too long.
/// A link that was up is lost where two clients have one id, of which `check` warns.
const OUTSIDE: [&str; 7] = [
    "NO_PASSED_SOCKET",
    "CONNECT_FAILED",
    "CONNECTION_LOST",
    "PORT_IN_USE",
    "CANNOT_LISTEN",
    "TIMEOUT",
    "SUBSCRIBE_FAILED",
];
/// Codes of what follows from the failure of another component.
const FOLLOWING: [&str; 2] = ["REF_ERROR", "NOT_OPEN"];

pub struct World {
    broker: Embedded,
    registry: Registry,
    folder: TempDir,
}

/// What became of a manifest.
#[derive(Debug)]
pub enum Outcome {
    /// `check` found errors, of these codes.
    Refused(#[expect(dead_code, reason = "for whoever looks at it")] Vec<&'static str>),
    /// It opened.
    Opened,
    /// It did not, for reasons outside.
    Outside(#[expect(dead_code, reason = "for whoever looks at it")] String),
    /// `check` said ok, and it was not.
    Untrue(String),
}

impl World {
    pub async fn new() -> Self {
        let broker = Embedded::start().await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let port = broker.port;
        write(
            "good.toml",
            &format!("mqtt = {{ host = '127.0.0.1', port = {port} }}\nplain = {{ host = 'localhost' }}"),
        );
        write("good.json", &format!("{{\"mqtt\": {{\"host\": \"127.0.0.1\", \"port\": {port}}}}}"));
        write("half.toml", "mqtt = { uri = 'mqtt://h/path' }\nother = { protocol = 'http', host = 'h' }");
        write("bad.toml", "mqtt = [");
        write("wrong.toml", "mqtt = { hosst = 'h' }");
        write("list.yaml", "mqtt: {}");
        write("password", "from a file\n");
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        write("secrets/mqtt_username", "ann");
        write("secrets/mqtt_password", "secret");
        write("secrets/alone", "secret");
        Self { registry: registry(port), broker, folder }
    }

    pub fn port(&self) -> u16 {
        self.broker.port
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What `check` says of a manifest, and whether that is so.
    pub async fn outcome(&self, text: &str) -> Outcome {
        let mut problems = Problems::new();
        let path = self.folder.path().join("service.toml");
        let parameters = Parameters::new().with_environment(|name| (name == "SET").then(|| "set".to_owned()));
        let manifest = Manifest::parse(&path, text, &parameters, &mut problems);
        let plan = Plan::new(manifest, &self.registry, &mut problems);
        // Whatever is wrong is told.
        let _ = render(&problems, &plan.files, false);
        if problems.has_errors() {
            return Outcome::Refused(problems.iter().map(|problem| problem.code).collect());
        }
        let limit = tokio::time::sleep(START);
        match Container::start(plan, None, Handle::current(), limit).await {
            Ok(Started::Ready(container)) => {
                drop(container);
                Outcome::Opened
            }
            Ok(Started::Stopped(failures)) => Outcome::Outside(format!("{failures:?}")),
            Err(failures) => judge(&failures),
        }
    }
}

/// Whether it is the world outside that stands against a start.
fn judge(failures: &Failures) -> Outcome {
    let all: Vec<_> = failures.iter().collect();
    let said = all
        .iter()
        .map(|failure| format!("{failure}: [{}] {}", failure.source.code(), failure.source.chain()));
    let said = said.collect::<Vec<_>>().join("; ");
    let follows = |failure: &&Failure| FOLLOWING.contains(&failure.source.code());
    let outside = |failure: &Failure| is_outside(&failure.source);
    if all.iter().any(|one| outside(one)) && all.iter().all(|one| outside(one) || follows(one)) {
        Outcome::Outside(said)
    } else {
        Outcome::Untrue(said)
    }
}

/// Whether no manifest is to blame.
fn is_outside(error: &Error) -> bool {
    // What a name stands for, only the network knows.
    let is_unknown = matches!(error.downcast_ref(), Some(BrokerError::NoAddress { .. }));
    is_unknown || OUTSIDE.contains(&error.code())
}

/// All components, of which those that would reach out reach the test's broker.
fn registry(port: u16) -> Registry {
    let mut registry = Registry::linked().unwrap();
    let pattern = |text: &str| text.parse::<Pattern>().unwrap();
    let connection = move |identity: &Descriptor, mut config: MqttConfig, references| {
        reroute(config.connection.iter_mut().chain(config.connections.iter_mut().flatten()), port);
        config.options.retry_connect = false;
        MqttConnection::create(identity, config, references)
    };
    registry
        .add(ComponentFactory::<MqttConnection, _>::with(pattern(MqttConnection::DESCRIPTOR), connection))
        .unwrap();
    let queue = move |identity: &Descriptor, mut config: MqttQueueConfig, references| {
        reroute(config.connection.iter_mut().chain(config.connections.iter_mut().flatten()), port);
        config.options.retry_connect = false;
        MqttMessageQueue::create(identity, config, references)
    };
    registry
        .add(ComponentFactory::<MqttMessageQueue, _>::with(pattern(MqttMessageQueue::DESCRIPTOR), queue))
        .unwrap();
    let broker = |identity: &Descriptor, config: BrokerConfig, references| {
        Broker::create(identity, BrokerConfig { port: 0, ..config }, references)
    };
    registry.add(ComponentFactory::<Broker, _>::with(pattern(Broker::DESCRIPTOR), broker)).unwrap();
    registry
}

/// Whatever broker a section names itself is that of the test; what is discovered is left to discovery.
fn reroute<'c>(connections: impl Iterator<Item = &'c mut ConnectionConfig>, port: u16) {
    for connection in connections.filter(|connection| connection.discovery_key().is_none()) {
        let host = Some("127.0.0.1".to_owned());
        *connection = ConnectionConfig { host, port: Some(port), ..ConnectionConfig::default() };
    }
}

/// Where the repository is.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
