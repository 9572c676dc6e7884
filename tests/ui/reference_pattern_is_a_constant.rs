//! A pattern that is no literal.
use std::sync::Arc;
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

const PATTERN: &str = "*:ink:*:*:1.0";

references! {
    struct PenReferences {
        ink: Arc<dyn Ink> = PATTERN,
    }
}

fn main() {}
