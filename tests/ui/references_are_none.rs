//! References that were declared as a plain struct.
use std::sync::Arc;
use wirework::component::{Component, NoConfig};
use wirework::mqtt::MqttConnection;
use wirework::{Descriptor, Error};

struct PenReferences {
    mqtt: Arc<MqttConnection>,
}

struct Pen(PenReferences);
impl Component for Pen {
    const DESCRIPTOR: &'static str = "acme:pen:blue:*:1.0";
    const SUMMARY: &'static str = "Writes.";
    type Config = NoConfig;
    type References = PenReferences;
    fn create(_: &Descriptor, _: NoConfig, references: PenReferences) -> Result<Self, Error> {
        Ok(Self(references))
    }
}

fn main() {}
