//! A configuration without a schema.
use wirework::component::Component;
use wirework::{Descriptor, Error, register};

#[derive(serde::Deserialize)]
struct PenConfig {}

struct Pen;
impl Component for Pen {
    const DESCRIPTOR: &'static str = "acme:pen:blue:*:1.0";
    const SUMMARY: &'static str = "Writes.";
    type Config = PenConfig;
    type References = ();
    fn create(_: &Descriptor, _: PenConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(Pen);

fn main() {}
