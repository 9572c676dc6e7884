//! How much is logged.

use super::hub::Hub;
use super::level::Level;

/// How many records of each level the components of this process, and all else in it, have logged since its start. Records that nobody
/// wants, because no sink takes their level, are not made and not counted.
///
/// ```
/// use wirework::log::{Level, record_counts};
/// assert_eq!(record_counts().map(|(level, _)| level).first(), Some(&Level::Fatal));
/// ```
#[must_use]
pub fn record_counts() -> [(Level, u64); 6] {
    let levels = [Level::Fatal, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
    levels.map(|level| (level, Hub::process().records(level)))
}
