//! 100,000 components are planned, opened and closed.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use wirework::component::{Component, ComponentFactory, Context, NoConfig, Registry};
use wirework::config::Problems;
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
        let before = if number == 0 { "none".to_owned() } else { (number - 1).to_string() };
        // Chains of a hundred, so that many can open at a time.
        let before = if number % 100 == 0 { "none".to_owned() } else { before };
        write!(
            text,
            "[[component]]\ndescriptor = \"test:node:default:{number}:1.0\"\n\
             references.before = \"test:node:default:{before}:1.0\"\n"
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
