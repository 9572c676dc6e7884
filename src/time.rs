//! Time as the whole crate says it.

use std::time::Duration;

/// "Without limit", as a duration: tokio's clock cannot add [`Duration::MAX`].
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Whole seconds, rounded up, as far as four bytes can say them.
#[cfg(feature = "mqtt")]
pub(crate) fn seconds(time: Duration) -> Option<u32> {
    u32::try_from(time.as_secs().checked_add(u64::from(time.subsec_nanos() > 0))?).ok()
}
