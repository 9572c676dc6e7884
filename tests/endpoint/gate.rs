//! A component that opens and closes when the test says so, and a service with it and an endpoint.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wirework::component::{Component, Context, InstanceFactory, NoConfig};
use wirework::{Category, Descriptor, Error};
use wirework_container::run::Container;
use wirework_container::{Host, StartError};

use super::support::http::Server;
use super::support::within;

/// How far the life of a gate has come, and how far it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Created,
    Opening,
    Open,
    Closing,
    Closed,
}

pub struct Gate {
    reached: watch::Sender<Step>,
    allowed: watch::Sender<Step>,
    fails: bool,
    context: Mutex<Option<Context>>,
}

impl Gate {
    pub fn new(fails: bool) -> Arc<Self> {
        let (reached, allowed) = (watch::Sender::new(Step::Created), watch::Sender::new(Step::Opening));
        Arc::new(Self { reached, allowed, fails, context: Mutex::default() })
    }

    /// Waits until it has come to a step.
    pub async fn reached(&self, step: Step) {
        let mut reached = self.reached.subscribe();
        within(format_args!("{step:?}"), reached.wait_for(|now| *now >= step)).await.unwrap();
    }

    /// Lets it go on to a step.
    pub fn allow(&self, step: Step) {
        self.allowed.send_replace(step);
    }

    /// The context that it was opened with.
    pub fn context(&self) -> Context {
        self.context.lock().unwrap().clone().expect("it has opened")
    }

    async fn pass(&self, from: Step, to: Step) {
        self.reached.send_replace(from);
        let mut allowed = self.allowed.subscribe();
        allowed.wait_for(|now| *now >= to).await.unwrap();
        self.reached.send_replace(to);
    }
}

impl Component for Gate {
    const DESCRIPTOR: &'static str = "t:gate:x:*:1.0";
    const SUMMARY: &'static str = "Opens and closes when a test says so.";
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Err(Error::new(Category::Internal, "TEST", "made only as an instance"))
    }
    async fn open(&self, context: &Context) -> Result<(), Error> {
        *self.context.lock().unwrap() = Some(context.clone());
        self.pass(Step::Opening, Step::Open).await;
        if self.fails {
            return Err(Error::new(Category::NoResponse, "TEST", "no answer"));
        }
        Ok(())
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.pass(Step::Closing, Step::Closed).await;
        Ok(())
    }
}

/// A service with an endpoint on a Unix socket, a gate, and what `more` adds.
pub struct Service {
    pub gate: Arc<Gate>,
    /// Further keys of `[service]`.
    pub keys: &'static str,
    pub server: Server,
    pub folder: tempfile::TempDir,
}

impl Service {
    pub fn new(fails: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::Unix(folder.path().join("http"));
        Self { gate: Gate::new(fails), keys: "", server, folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("http")
    }

    /// The host of it; `options` are keys of the endpoint, `more` further sections.
    pub fn host(&self, options: &str, more: &str) -> Host {
        let manifest = format!(
            "[service]\nname = \"shop\"\ndescription = \"Sells tea\"\n{}\n\
             [[component]]\ndescriptor = \"t:gate:x:a:1.0\"\n{more}\n\
             [[component]]\ndescriptor = \"pip-services:endpoint:http:default:1.0\"\n\
             connection.path = \"http\"\n{options}\n",
            self.keys
        );
        let path = self.folder.path().join("service.toml");
        std::fs::write(&path, manifest).unwrap();
        let gate = InstanceFactory::new("t:gate:x:a:1.0".parse().unwrap(), Arc::clone(&self.gate));
        Host::new().manifest(path).factory(gate)
    }

    /// Starts it; what comes of it.
    pub fn start(&self, options: &str, more: &str) -> JoinHandle<Result<Container, StartError>> {
        tokio::spawn(self.host(options, more).start())
    }

    /// Starts it with a gate that lets everything through.
    pub async fn open(&self, options: &str, more: &str) -> Container {
        self.gate.allow(Step::Closed);
        within("the start", self.start(options, more)).await.unwrap().unwrap()
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.server.get(path).await.unwrap().status
    }
}
