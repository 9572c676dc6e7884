//! A service inside a program that has a runtime of its own.

use std::borrow::Cow;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use wirework::component::{
    Change, Component, ComponentFactory, InstanceFactory, Offered, Readiness, ServiceState,
};
use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue};
use wirework::{Category, Coded, Descriptor, Error, Pattern};
use wirework_container::{Host, StartError};

use super::probe::Thing;

const QUEUE: &str = "[[component]]\ndescriptor = \"pip-services:message-queue:memory:orders:1.0\"\n";

fn host(manifest: &str) -> (Host, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("service.toml");
    std::fs::write(&path, manifest).unwrap();
    (Host::new().manifest(path), directory)
}

fn descriptor(text: &str) -> Descriptor {
    text.parse().unwrap()
}

struct Own;
impl Thing for Own {}

#[tokio::test]
async fn a_program_starts_a_service_and_gets_its_components_by_type_and_trait() {
    let queue = descriptor("pip-services:message-queue:memory:orders:1.0");
    let thing = descriptor("t:thing:x:own:1.0");
    let (host, _directory) = host(&format!("{QUEUE}\n[[component]]\ndescriptor = \"{thing}\"\n"));
    let own = InstanceFactory::new(thing.clone(), Arc::new(Offered::<dyn Thing>::new(Arc::new(Own))));
    let service = host.factory(own).start().await.unwrap();
    assert!(service.readiness().is_ready() && service.get::<dyn Thing>(&thing).is_some());
    let orders = service.get::<dyn MessageQueue>(&queue).unwrap();
    orders.send(MessageEnvelope::new("order", "tea")).await.unwrap();
    assert_eq!(orders.message_count().await.unwrap(), 1);
    assert!(service.get::<MemoryMessageQueue>(&queue).is_some());
    // Not what it is, not what it offers, not there.
    assert!(service.get::<MemoryMessageQueue>(&thing).is_none());
    assert!(service.get::<dyn Thing>(&queue).is_none());
    assert!(service.get::<dyn MessageQueue>(&descriptor("a:b:c:d:1.0")).is_none());
    service.close().await.unwrap();
    assert!(!orders.is_open());
}

#[tokio::test]
async fn a_component_sees_the_service_around_it() {
    let queue = "[service]\nname = \"shop\"\ndescription = \"Sells tea\"\n".to_owned() + QUEUE;
    let logger = "\n[[component]]\ndescriptor = \"pip-services:logger:null:default:1.0\"\n";
    let (host, _directory) = host(&(queue + logger));
    let service = host.start().await.unwrap();
    let view = service.view();
    let mut changes = view.changes();
    assert_eq!((view.name(), view.description()), ("shop", Some("Sells tea")));
    assert_eq!((view.state(), view.readiness()), (ServiceState::Running, Readiness::Ready));
    let states = view.components();
    let names = states.iter().map(|state| (state.descriptor.as_str(), state.status.name(), state.critical));
    let expected = [
        ("pip-services:message-queue:memory:orders:1.0", "open", true),
        ("pip-services:logger:null:default:1.0", "open", true),
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let history = view.history(0);
    let history = history.iter().map(|change| change.status.name());
    assert_eq!(history.collect::<Vec<_>>(), ["created", "opening", "open"]);
    let links = view.links(0);
    let logger = links.iter().find(|link| link.field == "logger").unwrap();
    assert_eq!((logger.late, &logger.to[..]), (true, &[1][..]));
    service.close().await.unwrap();
    let mut seen = Vec::new();
    while let Some(change) = changes.next().await {
        seen.push(match change {
            Change::Component { position, change } => format!("{position} {}", change.status),
            other => format!("{other:?}"),
        });
    }
    let expected = ["Service(Closing)", "0 closing", "0 closed", "1 closing", "1 closed", "Service(Closed)"];
    assert_eq!(seen, expected);
    assert_eq!((view.state(), view.readiness()), (ServiceState::Closed, Readiness::Closed));
}

/// The only thread of the runtime goes on while the manifest is awaited: it is what has it written.
#[tokio::test]
async fn a_manifest_is_awaited_beside_the_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (tell, told) = mpsc::channel();
    let fifo = path.clone();
    let writer = std::thread::spawn(move || {
        let has_run = told.recv_timeout(Duration::from_secs(20)).is_ok();
        std::fs::write(fifo, QUEUE).unwrap();
        has_run
    });
    let (started, ()) = tokio::join!(Host::new().manifest(path).start(), async { tell.send(()).unwrap() });
    started.unwrap().close().await.unwrap();
    assert!(writer.join().unwrap(), "the runtime stood still");
}

/// Its configuration has no schema.
struct Unknowable;

#[derive(Deserialize)]
struct NoSchema;

impl JsonSchema for NoSchema {
    fn schema_name() -> Cow<'static, str> {
        "NoSchema".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        panic!("no schema today")
    }
}

impl Component for Unknowable {
    const DESCRIPTOR: &'static str = "t:unknowable:x:*:1.0";
    const SUMMARY: &'static str = "Nobody knows its keys.";
    type Config = NoSchema;
    type References = ();
    fn create(_: &Descriptor, _: NoSchema, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

#[tokio::test]
async fn a_factory_that_panics_while_the_manifest_is_checked_is_an_error() {
    let (host, _directory) = host("[[component]]\ndescriptor = \"t:unknowable:x:y:1.0\"\n");
    let factory = ComponentFactory::<Unknowable, _>::with(
        Unknowable::DESCRIPTOR.parse::<Pattern>().unwrap(),
        Unknowable::create,
    );
    let error = host.factory(factory).start().await.unwrap_err();
    let text = "the manifest could not be checked: planning panicked: no schema today";
    assert_eq!((format!("{error:?}").as_str(), error.category()), (text, Category::Internal));
}

#[tokio::test]
async fn a_manifest_with_mistakes_is_told_as_check_tells_it() {
    let (host, directory) = host(&format!("{QUEUE}capacty = 1\n"));
    let error = host.start().await.unwrap_err();
    assert!(matches!(error, StartError::Manifest(_)));
    let path = directory.path().display().to_string();
    let text = format!("{error:?}").replace(&path, "DIR");
    insta::assert_snapshot!(text);
    assert_eq!(Error::from(error).category(), Category::Misconfiguration);
}

#[tokio::test]
async fn a_component_that_does_not_open_is_named_with_its_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let broker =
        format!("[[component]]\ndescriptor = \"pip-services:broker:mqtt:default:1.0\"\nport = {port}\n");
    let (host, _directory) = host(&broker);
    let text = format!("{:?}", host.start().await.unwrap_err());
    assert!(
        text.starts_with("the service did not start: cannot open `pip-services:broker:mqtt:default:1.0`"),
        "{text}"
    );
    assert!(text.contains(&port.to_string()) && !text.contains('\n'), "{text}");
}
