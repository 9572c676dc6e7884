//! A descriptor with an empty token.
use wirework::component::{Component, NoConfig};
use wirework::{Descriptor, Error, register};

struct Pen;
impl Component for Pen {
    const DESCRIPTOR: &'static str = "acme:pen::*:1.0";
    const SUMMARY: &'static str = "Writes.";
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(Pen);

fn main() {}
