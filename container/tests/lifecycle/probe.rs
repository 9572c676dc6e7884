//! Components that write down what is done to them, and that fail on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::watch;
use wirework::component::{Component, ComponentFactory, Context, Late, Offer, Registry, Stage};
use wirework::{Category, Descriptor, Error, Pattern, offers, references};

/// What was done to whom, such as `open a`; shared by all components of a test.
#[derive(Clone, Default)]
pub struct Journal(Arc<watch::Sender<Vec<String>>>, Arc<Mutex<HashMap<String, usize>>>);

impl Journal {
    fn note(&self, line: String) {
        self.0.send_modify(|lines| lines.push(line));
    }

    /// The how manieth of this name is created, from 1.
    fn begin_life(&self, name: &str) -> usize {
        let mut lives = self.1.lock().unwrap();
        let life = lives.entry(name.to_owned()).or_default();
        *life += 1;
        *life
    }

    /// All that was done so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Begins anew.
    pub fn forget(&self) {
        self.0.send_modify(Vec::clear);
    }

    /// Waits until something was done.
    pub async fn noted(&self, what: &str) {
        let mut lines = self.0.subscribe();
        lines.wait_for(|lines| lines.iter().any(|line| line == what)).await.expect("the journal is ours");
    }
}

pub trait Thing: Send + Sync {
    /// The names of those that a late reference leads to.
    fn late(&self) -> Vec<String> {
        Vec::new()
    }
    fn name(&self) -> String {
        String::new()
    }
}
wirework::capability!(dyn Thing);

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// In which phase it fails.
    #[serde(default)]
    fail: Option<Phase>,
    /// In which way.
    #[serde(default)]
    how: How,
    /// How long `open` takes, in milliseconds.
    #[serde(default)]
    opens_in: u64,
    /// Which of its lives fails, from 1; all where nothing is said.
    #[serde(default)]
    life: Option<usize>,
    /// What else it does.
    #[serde(default)]
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Create,
    Open,
    Close,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    #[default]
    Error,
    Panic,
    /// It waits for ever.
    Hang,
    /// It blocks its thread.
    Block,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    #[default]
    Nothing,
    /// A task of it fails.
    Task,
    /// It asks the service to stop.
    Stop,
    /// It asks the service to stop a few seconds later.
    StopSoon,
    /// It asks the service to stop when it closes.
    StopLate,
    /// A task of it never ends.
    Endless,
}

references! {
    /// What a probe may ask for; the manifest says whom.
    pub struct ProbeReferences {
        /// Everything it waits for.
        all: Vec<Arc<dyn Thing>> = "t:nothing:x:x:1.0",
        /// Those it does not wait for.
        late: Late<dyn Thing> = "t:nothing:x:x:1.0",
    }
}

references! {
    /// What a needy probe cannot do without.
    pub struct NeedyReferences {
        /// The one.
        need: Arc<dyn Thing> = "t:nothing:x:x:1.0",
    }
}

references! {
    /// What a probe that observes the service may ask for.
    pub struct ObserverReferences {
        /// Everything it waits for.
        all: Vec<Arc<dyn Thing>> = "t:nothing:x:x:1.0",
    }
}

/// A probe that asks for `R`.
pub struct Probe<R> {
    name: String,
    config: ProbeConfig,
    journal: Journal,
    references: R,
}

impl<R: LateNames + Send + Sync> Thing for Probe<R> {
    fn late(&self) -> Vec<String> {
        self.references.late_names()
    }
    fn name(&self) -> String {
        self.name.clone()
    }
}

/// The names of those that late references lead to.
pub trait LateNames {
    fn late_names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl LateNames for ProbeReferences {
    fn late_names(&self) -> Vec<String> {
        self.late.iter().map(|thing| thing.name()).collect()
    }
}
impl LateNames for NeedyReferences {}
impl LateNames for ObserverReferences {}

impl<R> Probe<R> {
    fn new(
        journal: &Journal,
        identity: &Descriptor,
        config: ProbeConfig,
        references: R,
    ) -> Result<Self, Error> {
        let name = identity.name().to_owned();
        let probe = Self { name, config, journal: journal.clone(), references };
        probe.note("create");
        let life = journal.begin_life(&probe.name);
        if probe.config.life.is_some_and(|fails| fails != life) {
            return Ok(Self { config: ProbeConfig { fail: None, ..probe.config }, ..probe });
        }
        if probe.config.fail == Some(Phase::Create) {
            match probe.config.how {
                How::Error => return Err(Error::new(Category::Internal, "TEST", "out of clay")),
                How::Panic => panic!("dropped the clay"),
                How::Hang | How::Block => std::thread::sleep(Duration::from_secs(60)),
            }
        }
        Ok(probe)
    }

    fn note(&self, what: &str) {
        self.journal.note(format!("{what} {}", self.name));
    }

    async fn act(&self, phase: Phase) -> Result<(), Error> {
        match (self.config.fail == Some(phase), self.config.how) {
            (false, _) => Ok(()),
            (_, How::Error) => Err(Error::new(Category::NoResponse, "TEST", "no answer")),
            (_, How::Panic) => panic!("lost my mind"),
            (_, How::Hang) => std::future::pending().await,
            (_, How::Block) => {
                std::thread::sleep(Duration::from_secs(3));
                Ok(())
            }
        }
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.note("open");
        self.act(Phase::Open).await?;
        match self.config.then {
            Then::Nothing | Then::StopLate => {}
            Then::Task => context.spawn("wear", async move { Err(worn_out()) }),
            Then::Stop => context.stop(worn_out()),
            Then::StopSoon => {
                let task = context.clone();
                context.spawn("wear", async move {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    task.stop(worn_out());
                    Ok(())
                });
            }
            Then::Endless => {
                let ended = Ended(self.journal.clone(), self.name.clone());
                context.spawn("endless", async move {
                    let _ended = ended;
                    std::future::pending().await
                });
            }
        }
        tokio::time::sleep(Duration::from_millis(self.config.opens_in)).await;
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        self.note("close");
        if matches!(self.config.then, Then::StopLate) {
            context.stop(worn_out());
        }
        self.act(Phase::Close).await
    }
}

fn worn_out() -> Error {
    Error::new(Category::Internal, "TEST", "worn out")
}

/// Notes the end of a task, however it comes.
struct Ended(Journal, String);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.note(format!("ended {}", self.1));
    }
}

macro_rules! probe {
    ($references:ty, $descriptor:literal, $stage:ident) => {
        impl Component for Probe<$references> {
            const DESCRIPTOR: &'static str = $descriptor;
            const SUMMARY: &'static str = "Writes down what is done to it.";
            const OFFERS: &'static [&'static dyn Offer] = offers![dyn Thing];
            const STAGE: Stage = Stage::$stage;
            type Config = ProbeConfig;
            type References = $references;
            fn create(_: &Descriptor, _: ProbeConfig, _: $references) -> Result<Self, Error> {
                Err(Error::new(Category::Internal, "TEST", "made only with a journal"))
            }
            async fn open(&self, context: &Context) -> Result<(), Error> {
                Probe::open(self, context).await
            }
            async fn close(&self, context: &Context) -> Result<(), Error> {
                Probe::close(self, context).await
            }
        }
    };
}
probe!(ProbeReferences, "t:probe:x:*:1.0", Work);
probe!(NeedyReferences, "t:needy:x:*:1.0", Work);
probe!(ObserverReferences, "t:observer:x:*:1.0", Observe);

/// A registry whose probes write into `journal`.
pub fn registry(journal: &Journal) -> Registry {
    let mut registry = Registry::new();
    let mine = journal.clone();
    let probe = ComponentFactory::<Probe<ProbeReferences>, _>::with(
        "t:probe:x:*:1.0".parse::<Pattern>().unwrap(),
        move |identity, config, references| Probe::new(&mine, identity, config, references),
    );
    let mine = journal.clone();
    let needy = ComponentFactory::<Probe<NeedyReferences>, _>::with(
        "t:needy:x:*:1.0".parse::<Pattern>().unwrap(),
        move |identity, config, references| Probe::new(&mine, identity, config, references),
    );
    let mine = journal.clone();
    let observer = ComponentFactory::<Probe<ObserverReferences>, _>::with(
        "t:observer:x:*:1.0".parse::<Pattern>().unwrap(),
        move |identity, config, references| Probe::new(&mine, identity, config, references),
    );
    registry.add(probe).unwrap().add(needy).unwrap().add(observer).unwrap();
    registry
}
