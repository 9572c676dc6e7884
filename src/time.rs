//! Time as the whole crate says it.

use std::time::Duration;

/// "Without limit", as a duration: tokio's clock cannot add [`Duration::MAX`].
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
