//! A reference without a pattern.
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

references! {
    struct PenReferences {
        /// Where it writes.
        paper: std::sync::Arc<dyn Ink> = "*:paper:*:*:1.0",
        ink: std::sync::Arc<dyn Ink>,
    }
}

fn main() {}
