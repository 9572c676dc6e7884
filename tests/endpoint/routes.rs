//! Routes of components.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use futures_util::stream::pending;
use tokio::sync::Notify;
use wirework::component::{Component, ComponentFactory, Context, Descriptor, NoConfig};
use wirework::http::{HttpRoutes, Mount};
use wirework::{Error, Pattern, references};

use super::gate::{Service, Step};
use super::support::within;

references! {
    pub struct ShopReferences {
        /// Where it has its routes.
        pub endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
    }
}

/// A controller whose slowest answer waits for the test.
pub struct Shop {
    mount: Mount,
    asked: Arc<Notify>,
    answer: Arc<Notify>,
}

impl Shop {
    /// Waits until its slowest answer is asked for.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }
}

impl Component for Shop {
    const DESCRIPTOR: &'static str = "t:shop:http:*:1.0";
    const SUMMARY: &'static str = "Sells tea over HTTP.";
    type Config = NoConfig;
    type References = ShopReferences;

    fn create(identity: &Descriptor, _: NoConfig, references: ShopReferences) -> Result<Self, Error> {
        let base = identity.name().parse()?;
        let mount = references.endpoint.reserve(identity, &base)?;
        Ok(Self { mount, asked: Arc::default(), answer: Arc::default() })
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        let (asked, answer) = (Arc::clone(&self.asked), Arc::clone(&self.answer));
        let slow = async move || {
            asked.notify_one();
            answer.notified().await;
            "at last"
        };
        let router = Router::new()
            .route("/tea/{kind}", get(async |Path(kind): Path<String>| format!("a cup of {kind}")))
            .route("/orders", post(async |order: String| order))
            .route("/events", get(async || Body::from_stream(pending::<Result<String, Infallible>>())))
            .route("/broken", get(async || -> String { panic!("out of tea") }))
            .route("/slow", get(slow));
        self.mount.open(router);
        Ok(())
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.mount.close().await;
        Ok(())
    }
}

pub const SHOP: &str = "[[component]]\ndescriptor = \"t:shop:http:shop:1.0\"\nafter = [\"t:gate:*:*:*\"]\n";

pub fn shop() -> ComponentFactory<Shop> {
    ComponentFactory::NEW
}

#[tokio::test]
async fn a_route_of_a_component_that_is_not_open_is_not_missing() {
    let service = Service::new(false);
    let started = tokio::spawn(service.host("", SHOP).factory(shop()).start());
    service.gate.reached(Step::Opening).await;
    let early = service.server.get("/shop/tea/green").await.unwrap();
    assert_eq!((early.status, early.header("retry-after")), (503, Some("1")));
    assert!(early.body.contains("NOT_OPEN") && early.body.contains("t:shop:http:shop:1.0"), "{}", early.body);
    assert_eq!(service.status("/elsewhere").await, 404);

    service.gate.allow(Step::Closing);
    let container = within("the start", started).await.unwrap().unwrap();
    let tea = service.server.get("/shop/tea/green?sugar=1").await.unwrap();
    assert_eq!((tea.status, tea.body.as_str()), (200, "a cup of green"));
    // What the router of a component refuses without a word is answered in the form of all refusals.
    let said = async |method, path| {
        let answer = service.server.ask(method, path).await.unwrap();
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        (answer.status, answer.header("allow").map(str::to_owned), text("code"), text("message"))
    };
    let nothing = (404, None, "NOT_FOUND".to_owned(), "nothing is served at this path".to_owned());
    assert_eq!(said("GET", "/shop/coffee").await, nothing);
    let post =
        (405, Some("POST".to_owned()), "METHOD_NOT_ALLOWED".to_owned(), "this path takes POST".to_owned());
    assert_eq!(said("DELETE", "/shop/orders").await, post);

    let closing = tokio::spawn(container.close());
    service.gate.reached(Step::Closing).await;
    assert_eq!(service.status("/shop/tea/green").await, 503, "it has closed before the gate");
    service.gate.allow(Step::Closed);
    within("the close", closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_component_closes_when_its_last_request_is_answered() {
    let service = Service::new(false);
    service.gate.allow(Step::Closed);
    let container = service.host("", SHOP).factory(shop()).start().await.unwrap();
    let shop = container.get::<Shop>(&"t:shop:http:shop:1.0".parse().unwrap()).unwrap();
    let server = service.server.clone();
    let slow = tokio::spawn(async move { server.get("/shop/slow").await.unwrap() });
    within("the request", shop.asked()).await;
    let mut closing = tokio::spawn(container.close());
    let health = || async { service.server.get("/healthz").await.unwrap().body };
    while !within("the close", health()).await.contains("\"closing\"") {}
    assert!(!slow.is_finished() && futures_util::poll!(&mut closing).is_pending());
    shop.answer.notify_one();
    assert_eq!(within("the answer", slow).await.unwrap().body, "at last");
    within("the close", closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_route_that_panics_is_answered_and_harms_nobody() {
    let service = Service::new(false);
    service.gate.allow(Step::Closed);
    let container = service.host("", SHOP).factory(shop()).start().await.unwrap();
    for _ in 0..2 {
        let broken = service.server.get("/shop/broken").await.unwrap();
        assert_eq!((broken.status, broken.body.contains("PANIC")), (500, true));
        assert!(!broken.body.contains("tea"), "{}", broken.body);
    }
    assert_eq!(service.status("/shop/tea/green").await, 200);
    container.close().await.unwrap();
}

#[tokio::test]
async fn two_components_cannot_have_one_base_route() {
    let service = Service::new(false);
    service.gate.allow(Step::Closed);
    let other = ComponentFactory::<Shop, _>::with(
        "t:other:http:*:1.0".parse::<Pattern>().unwrap(),
        |identity: &Descriptor, config, references| Shop::create(identity, config, references),
    );
    let more = format!("{SHOP}[[component]]\ndescriptor = \"t:other:http:shop:1.0\"\n");
    let error = service.host("", &more).factory(shop()).factory(other).start().await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("the base route `/shop` belongs to `t:shop:http:shop:1.0` already"), "{text}");
    let livez = "[[component]]\ndescriptor = \"t:shop:http:livez:1.0\"\n";
    let error = service.host("", livez).factory(self::shop()).start().await.unwrap_err();
    assert!(format!("{error:?}").contains("the endpoint answers `/livez` itself"), "{error:?}");
}

#[tokio::test]
async fn a_service_that_is_being_maintained_says_so_and_stays_alive() {
    let service = Service::new(false);
    service.gate.allow(Step::Closed);
    let options = "options.maintenance_enabled = true\noptions.maintenance_retry_after = \"5m\"";
    let container = service.host(options, SHOP).factory(shop()).start().await.unwrap();
    let answer = service.server.get("/shop/tea/green").await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("300")));
    assert_eq!(service.status("/readyz").await, 200);
    container.close().await.unwrap();
}
