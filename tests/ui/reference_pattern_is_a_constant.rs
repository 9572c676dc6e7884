//! A pattern that is no literal.
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

const PATTERN: &str = "*:ink:*:*:1.0";

references! {
    struct PenReferences {
        ink: std::sync::Arc<dyn Ink> = PATTERN,
    }
}

fn main() {}
