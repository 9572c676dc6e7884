//! A trait is asked for and no capability.
use std::sync::Arc;
use wirework::references;

trait Ink: Send + Sync {}

references! {
    struct PenReferences {
        /// What it writes with.
        ink: Arc<dyn Ink> = "*:ink:*:*:1.0",
    }
}

fn main() {}
