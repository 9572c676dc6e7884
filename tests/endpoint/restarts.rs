//! A component is restarted while somebody uses its routes and scrapes its counters.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wirework::component::{Component, ComponentFactory, Context, Descriptor, NoConfig};
use wirework::count::{Counters, Increment};
use wirework::http::axum::Router;
use wirework::http::axum::routing::get;
use wirework::http::{HttpRoutes, Mount};
use wirework::{Error, Pattern, references};

use super::gate::Service;
use super::metrics::{METRICS, scrape};
use super::support::within;

/// How far each step of kettles has come, and how far it may go: one step is half of an open or of a close.
type Steps = watch::Sender<u32>;

references! {
    struct KettleReferences {
        /// Where it has its routes.
        endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
        /// Where it counts.
        counters: Counters = "*:counters:*:*:1.0",
    }
}

/// Opens and closes when the test says so, counts when it is open, and has a route.
struct Kettle {
    mount: Mount,
    boiled: Increment,
    steps: Arc<Life>,
}

#[derive(Default)]
struct Life {
    reached: Steps,
    allowed: Steps,
}

impl Life {
    async fn pass(&self) {
        let mut step = 0;
        self.reached.send_modify(|reached| {
            *reached += 1;
            step = *reached;
        });
        let mut allowed = self.allowed.subscribe();
        allowed.wait_for(|allowed| *allowed >= step).await.expect("the test has it");
    }

    async fn reached(&self, step: u32) {
        let mut reached = self.reached.subscribe();
        within(format_args!("step {step}"), reached.wait_for(|now| *now >= step)).await.unwrap();
    }
}

impl Component for Kettle {
    const DESCRIPTOR: &'static str = "t:kettle:http:*:1.0";
    const SUMMARY: &'static str = "Boils water.";
    type Config = NoConfig;
    type References = KettleReferences;

    fn create(_: &Descriptor, _: NoConfig, _: KettleReferences) -> Result<Self, Error> {
        unreachable!("it is made with what it waits for")
    }

    async fn open(&self, _: &Context) -> Result<(), Error> {
        self.steps.pass().await;
        self.boiled.one();
        self.mount.open(Router::new().route("/", get(async || "hot")));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.mount.close().await;
        self.steps.pass().await;
        Ok(())
    }
}

const KETTLE: &str = "[[component]]\ndescriptor = \"t:kettle:http:kettle:1.0\"\n";

fn kettles(life: &Arc<Life>) -> impl wirework::component::Factory {
    let (pattern, life): (Pattern, _) = ("t:kettle:http:*:1.0".parse().unwrap(), Arc::clone(life));
    ComponentFactory::<Kettle, _>::with(
        pattern,
        move |identity: &Descriptor, _: NoConfig, references: KettleReferences| {
            let mount = references.endpoint.reserve(identity, &"kettle".parse()?)?;
            let boiled = references.counters.increment("kettle.boiled");
            Ok(Kettle { mount, boiled, steps: Arc::clone(&life) })
        },
    )
}

#[tokio::test]
async fn routes_of_a_component_that_is_being_restarted_are_not_missing() {
    let (service, life) = (Service::new(false), Arc::new(Life::default()));
    service.gate.allow(super::gate::Step::Closed);
    life.allowed.send_replace(1);
    let container = service.host("", KETTLE).factory(kettles(&life)).start().await.unwrap();
    assert_eq!(service.status("/kettle").await, 200);
    let restart =
        container.control().begin_restart(&"t:kettle:http:kettle:1.0".parse().unwrap(), "Ada").unwrap();

    life.reached(2).await;
    let closing = service.server.get("/kettle").await.unwrap();
    assert_eq!((closing.status, closing.header("retry-after")), (503, Some("1")), "{}", closing.body);
    life.allowed.send_replace(2);
    life.reached(3).await;
    assert_eq!(service.status("/kettle").await, 503, "the old one is gone, and the new one opens");
    assert_eq!((service.status("/readyz").await, service.status("/elsewhere").await), (200, 404));
    life.allowed.send_replace(u32::MAX);
    within("the restart", restart.finished()).await.unwrap();
    assert_eq!(service.status("/kettle").await, 200);
    within("the close", container.close()).await.unwrap();
}

/// Scrapes as fast as it can until the test has said so; what each scrape has of a counter.
fn scraped(service: Arc<Service>, stop: watch::Receiver<bool>) -> JoinHandle<Vec<Option<f64>>> {
    tokio::spawn(async move {
        let mut values = Vec::new();
        while !*stop.borrow() {
            // A series that is there twice fails the test here.
            let scrape = scrape(&service).await;
            values.push(scrape.value("wirework_kettle_boiled_total{component=\"kettle:http:kettle\"}"));
        }
        values
    })
}

#[tokio::test]
async fn counters_of_a_component_that_is_restarted_go_on() {
    let (service, life) = (Arc::new(Service::new(false)), Arc::new(Life::default()));
    service.gate.allow(super::gate::Step::Closed);
    life.allowed.send_replace(u32::MAX);
    let host = service.host("", &format!("{METRICS}{KETTLE}"));
    let container = host.factory(kettles(&life)).start().await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let scraped = scraped(Arc::clone(&service), stopped);
    let (control, kettle) = (container.control(), "t:kettle:http:kettle:1.0".parse().unwrap());
    for restarts in 1..=20 {
        within("the restart", control.restart(&kettle, "Ada")).await.unwrap();
        let boiled = "wirework_kettle_boiled_total{component=\"kettle:http:kettle\"}";
        assert_eq!(scrape(&service).await.value(boiled), Some(f64::from(restarts + 1)));
    }
    stop.send_replace(true);
    let values = within("the scrapes", scraped).await.unwrap();
    assert!(values.iter().all(Option::is_some) && values.is_sorted(), "{values:?}");
    within("the close", container.close()).await.unwrap();
}
