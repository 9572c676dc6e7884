//! Components whose sections can be wrong in every way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::component::{Claim, Component, ComponentFactory, Late, NoConfig, Offer, Registry};
use wirework::config::{Millis, Secret};
use wirework::{Category, Descriptor, Error, Pattern, offers, references};

pub trait Motor: Send + Sync {}
wirework::capability!(dyn Motor);

pub trait Lamp: Send + Sync {}
wirework::capability!(dyn Lamp);

/// Offers `Motor`, and has keys of every type.
pub struct Engine;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
pub struct EngineConfig {
    /// What it burns.
    fuel: Fuel,
    /// How many cylinders it has.
    #[serde(default)]
    cylinders: u8,
    /// Its displacement, in litres.
    #[serde(default)]
    litres: f64,
    /// Whether it has a turbo charger.
    #[serde(default)]
    turbo: bool,
    /// How long it idles before it stops.
    idle: Option<Millis>,
    /// What the ignition wants to hear.
    ignition_code: Option<Secret>,
    /// Names by which it is known.
    #[serde(default)]
    names: Vec<String>,
    /// Where the parts come from, by part.
    #[serde(default)]
    parts: BTreeMap<String, String>,
    /// Who made it.
    maker: Option<Maker>,
    /// The port on which it can be listened to.
    #[serde(default)]
    port: u16,
    /// How long starting takes.
    start: Option<Millis>,
    /// The client id by which it reports.
    client_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fuel {
    Petrol,
    Diesel,
    Electricity,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
pub struct Maker {
    /// The maker's name.
    name: String,
    /// Since when it makes engines.
    since: Option<u32>,
}

impl Motor for Engine {}
impl Component for Engine {
    const DESCRIPTOR: &'static str = "acme:motor:engine:*:1.0";
    const SUMMARY: &'static str = "Turns.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Motor];
    const OPEN_LIMIT_KEY: Option<&'static str> = Some("start");
    type Config = EngineConfig;
    type References = ();
    fn claims(_: &Descriptor, config: &EngineConfig) -> Vec<Claim> {
        let port = Claim::Port { host: "127.0.0.1".to_owned(), port: config.port };
        let client = config.client_id.iter().map(|client_id| Claim::ClientId {
            endpoint: "garage:1883".to_owned(),
            client_id: client_id.clone(),
        });
        std::iter::once(port).chain(client).collect()
    }
    fn open_limit(config: &EngineConfig) -> Option<Duration> {
        config.start.map(Duration::from)
    }
    fn create(_: &Descriptor, _: EngineConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Is called like a motor, but offers only `Lamp`.
pub struct Light;
impl Lamp for Light {}
impl Component for Light {
    const DESCRIPTOR: &'static str = "acme:motor:light:*:1.0";
    const SUMMARY: &'static str = "Shines.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Lamp];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Is a motor, and does not say that it is.
pub struct Silent;
impl Motor for Silent {}
impl Component for Silent {
    const DESCRIPTOR: &'static str = "acme:motor:silent:*:1.0";
    const SUMMARY: &'static str = "Hums.";
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

references! {
    /// What a car asks for.
    pub struct CarReferences {
        /// What drives it.
        motor: Arc<dyn Motor> = "acme:motor:*:*:1.0",
        /// What it may shine with.
        lamp: Option<Arc<dyn Lamp>> = "acme:lamp:*:{name}:1.0",
        /// Those it follows.
        ahead: Vec<Arc<Car>> = "acme:car:none:none:1.0",
        /// Those it knows of.
        known: Late<Car> = "acme:car:*:*:1.0",
    }
}

/// Needs one `Motor`.
pub struct Car {
    _references: CarReferences,
}
impl Component for Car {
    const DESCRIPTOR: &'static str = "acme:car:default:*:1.0";
    const SUMMARY: &'static str = "Drives.";
    type Config = NoConfig;
    type References = CarReferences;
    fn create(_: &Descriptor, _: NoConfig, references: CarReferences) -> Result<Self, Error> {
        Ok(Self { _references: references })
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
pub struct ClashConfig {
    /// Meant for itself, but the container reads it.
    timeout: Option<u32>,
}

/// Has a configuration key that is the container's.
pub struct Clash;
impl Component for Clash {
    const DESCRIPTOR: &'static str = "acme:clash:default:*:1.0";
    const SUMMARY: &'static str = "Wants a key that is not its own.";
    type Config = ClashConfig;
    type References = ();
    fn create(_: &Descriptor, _: ClashConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Made by two factories alike.
pub struct Twin;
impl Component for Twin {
    const DESCRIPTOR: &'static str = "acme:twin:default:*:1.0";
    const SUMMARY: &'static str = "There are two of it.";
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Err(Error::new(Category::Internal, "TEST", "never made"))
    }
}

/// A factory of twins for a pattern.
fn twin(pattern: &str) -> ComponentFactory<Twin> {
    let pattern: Pattern = pattern.parse().unwrap();
    ComponentFactory::<Twin>::with(pattern, Twin::create)
}

/// All of them.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(ComponentFactory::<Engine>::NEW).unwrap();
    registry.add(ComponentFactory::<Light>::NEW).unwrap();
    registry.add(ComponentFactory::<Silent>::NEW).unwrap();
    registry.add(ComponentFactory::<Car>::NEW).unwrap();
    registry.add(ComponentFactory::<Clash>::NEW).unwrap();
    registry.add(twin("acme:twin:*:left:1.0")).unwrap();
    registry.add(twin("acme:twin:default:*:1.0")).unwrap();
    registry
}
