//! 100,000 components are planned, opened and closed.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use wirework::component::{Component, ComponentFactory, Context, NoConfig, Registry};
use wirework::config::Problems;
use wirework::connect::Discovery;
use wirework::{Descriptor, Error, Pattern, references};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

const COUNT: usize = 100_000;

references! {
    struct NodeReferences {
        /// The one before it.
        before: Option<Arc<Node>> = "test:node:none:none:1.0",
        /// The first.
        first: Vec<Arc<Node>> = "test:node:default:0:1.0",
    }
}

struct Node {
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    _references: NodeReferences,
}

impl Component for Node {
    const DESCRIPTOR: &'static str = "test:node:default:*:1.0";
    const SUMMARY: &'static str = "One of many.";
    type Config = NoConfig;
    type References = NodeReferences;
    fn create(_: &Descriptor, _: NoConfig, references: NodeReferences) -> Result<Self, Error> {
        Ok(Self { open: Arc::default(), most: Arc::default(), _references: references })
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        self.most.fetch_max(self.open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Ok(())
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_components_open_and_close() {
    let (open, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counts = (Arc::clone(&open), Arc::clone(&most));
    let factory = ComponentFactory::<Node, _>::with(
        Node::DESCRIPTOR.parse::<Pattern>().unwrap(),
        move |_, _, references| {
            Ok(Node { open: Arc::clone(&counts.0), most: Arc::clone(&counts.1), _references: references })
        },
    );
    let mut registry = Registry::new();
    registry.add(factory).unwrap();
    let mut text = String::from("[service]\ntimeout = \"5m\"\n");
    for number in 0..COUNT {
        // Chains of a hundred, so that many can open at a time.
        let before = match number % 100 {
            0 => "test:none:*:*:*".to_owned(),
            _ => format!("test:node:default:{}:1.0", number - 1),
        };
        write!(
            text,
            "[[component]]\ndescriptor = \"test:node:default:{number}:1.0\"\n\
             references.before = \"{before}\"\n"
        )
        .unwrap();
    }
    let mut problems = Problems::new();
    let manifest = Manifest::parse("many.toml".as_ref(), &text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry, &mut problems);
    assert!(problems.is_empty(), "{}", render(&problems, &plan.files, false));
    assert_eq!((plan.components.len(), plan.order.len()), (COUNT, COUNT));
    let started = Container::start(plan, None, Handle::current(), std::future::pending()).await;
    let Ok(Started::Ready(container)) = started else { panic!("it did not start") };
    assert_eq!(open.load(Ordering::Relaxed), COUNT);
    assert!(container.close().await.is_ok());
    assert_eq!((open.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (0, COUNT));
}

references! {
    struct AskerReferences {
        /// All that keep connections.
        kept: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
    }
}

/// It may add to what discovery services keep.
struct Asker {
    _references: AskerReferences,
}

impl Component for Asker {
    const DESCRIPTOR: &'static str = "test:asker:default:*:1.0";
    const SUMMARY: &'static str = "Asks all.";
    type Config = NoConfig;
    type References = AskerReferences;
    fn create(_: &Descriptor, _: NoConfig, references: AskerReferences) -> Result<Self, Error> {
        Ok(Self { _references: references })
    }
}

/// How many of each kind of section; each test below takes minutes where they are held against each other one by one.
const MANY: usize = 4_000;

fn many(kind: &str, keys: &str) -> String {
    let mut text = String::new();
    for number in 0..MANY {
        write!(text, "[[component]]\ndescriptor = \"{kind}:{number}:1.0\"\n{keys}\n").unwrap();
    }
    text
}

/// The codes of the problems, each once.
fn codes(text: &str) -> Vec<&'static str> {
    let mut registry = Registry::linked().unwrap();
    let factory = ComponentFactory::<Asker, _>::with(
        Asker::DESCRIPTOR.parse::<Pattern>().unwrap(),
        |_: &Descriptor, _: NoConfig, references| Ok(Asker { _references: references }),
    );
    registry.add(factory).unwrap();
    let mut problems = Problems::new();
    let manifest = Manifest::parse("many.toml".as_ref(), text, &Parameters::new(), &mut problems);
    drop(Plan::new(manifest, &registry, &mut problems));
    let mut codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn many_sections_are_held_against_many_that_nothing_makes() {
    let asking = many("pip-services:connection:mqtt", "connection.discovery_key = \"k\"");
    let codes = codes(&(many("acme:gone:x", "") + &asking));
    assert_eq!(codes, ["REF_ERROR", "UNKNOWN_DESCRIPTOR"]);
}

#[test]
fn many_sections_are_held_against_many_that_are_not_enabled() {
    let asking = many("pip-services:message-queue:mqtt", "");
    let codes = codes(&(many("pip-services:logger:null", "enabled = false") + &asking));
    assert_eq!(codes, ["NO_CONNECTION"]);
}

#[test]
fn many_sections_may_add_to_many_services() {
    let asked =
        "connection.discovery_key = \"k\"\nreferences.discovery = \"pip-services:discovery:memory:0:1.0\"\n";
    let asked = format!("[[component]]\ndescriptor = \"pip-services:connection:mqtt:x:1.0\"\n{asked}");
    let codes =
        codes(&(many("pip-services:discovery:memory", "") + &many("test:asker:default", "") + &asked));
    // Some asker may add what is looked for.
    assert!(codes.is_empty(), "{codes:?}");
}
