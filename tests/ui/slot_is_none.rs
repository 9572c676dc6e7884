//! A reference of a type that does not say how many it takes.
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

references! {
    struct PenReferences {
        ink: Box<dyn Ink> = "*:ink:*:*:1.0",
    }
}

fn main() {}
