//! A component that offers a trait that it does not implement.
use wirework::component::{Component, NoConfig, Offer};
use wirework::{Descriptor, Error, offers, register};

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

struct Pen;
impl Component for Pen {
    const DESCRIPTOR: &'static str = "acme:pen:blue:*:1.0";
    const SUMMARY: &'static str = "Writes.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Ink];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(Pen);

fn main() {}
