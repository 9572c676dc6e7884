//! Planning beside a runtime.

use tokio::task::spawn_blocking;
use wirework::component::panic_error;
use wirework::{Category, Error};

/// Reads and plans on a thread that may wait: a manifest, the files that it names and those that a check looks into may be on a slow
/// disk, or a FIFO that nobody writes to yet.
///
/// # Errors
/// It panicked, or the runtime ends.
pub(crate) async fn plan_apart<T: Send + 'static>(
    plan: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(plan).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => panic_error("planning", &*panic),
        Err(error) => {
            Error::new(Category::Internal, "BROKEN_OFF", "planning was broken off").with_source(error)
        }
    })
}
