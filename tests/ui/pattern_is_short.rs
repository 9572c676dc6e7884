//! A reference whose pattern has four tokens.
use std::sync::Arc;
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

references! {
    struct PenReferences {
        others: Vec<Arc<dyn Ink>> = "*:ink:*:*:1.0",
        ink: Arc<dyn Ink> = "*:ink:*:1.0",
    }
}

fn main() {}
