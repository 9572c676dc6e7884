//! The trait of log sinks.

use super::level::Level;
use super::record::Record;

/// Takes log records: what a logger component offers.
///
/// The [`Router`](super::Router) calls it on the thread that logs, without a lock held; several threads may call at
/// once. A sink that panics gets no more records, which is reported on stderr. What a sink itself logs never comes back to it.
///
/// ```
/// use wirework::log::{Level, LogSink, Record};
/// struct Shout(std::sync::Mutex<Vec<String>>);
/// impl LogSink for Shout {
///     fn level(&self) -> Level { Level::Error }
///     fn log(&self, record: &Record<'_>) {
///         if let Ok(mut lines) = self.0.lock() { lines.push(record.message().to_uppercase()); }
///     }
/// }
/// ```
pub trait LogSink: Send + Sync + 'static {
    /// The least important level it takes; the router asks for each record and, for the level of the whole process,
    /// when sinks are added or removed and at [`Router::refresh`](super::Router::refresh).
    fn level(&self) -> Level;
    /// Takes a record: at most as detailed as its level, or as the [level](super::LevelSetting) that was set for whoever logs, while the
    /// service runs. Must not wait for anything that logs.
    fn log(&self, record: &Record<'_>);
    /// Brings out what it still holds; called when it is removed.
    fn flush(&self) {}
    /// Opens its file anew, since something has moved it away; see [`Router::reopen`](super::Router::reopen). May wait for a disk. Returns
    /// whether it has a file.
    fn reopen(&self) -> bool {
        false
    }
}

/// Names a sink that was added to the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SinkId(pub(super) u64);
