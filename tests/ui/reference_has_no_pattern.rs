//! A reference without a pattern.
use std::sync::Arc;
use wirework::references;

trait Ink: Send + Sync {}
wirework::capability!(dyn Ink);

references! {
    struct PenReferences {
        /// Where it writes.
        paper: Arc<dyn Ink> = "*:paper:*:*:1.0",
        ink: Arc<dyn Ink>,
    }
}

fn main() {}
