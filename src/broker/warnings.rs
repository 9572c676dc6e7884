//! What a broker warns of, by kind.

use crate::log::WarningThrottle;

/// The warnings that a broker gives about its clients and its system, by kind.
#[derive(Default)]
pub(super) struct Warnings {
    /// The system gave no connection.
    pub accept: WarningThrottle,
    /// As many connections as are allowed.
    pub full: WarningThrottle,
    /// No CONNECT, or one that is not allowed.
    pub connect: WarningThrottle,
    /// Clients that went over a limit, or whose connection failed.
    pub ended: WarningThrottle,
    /// Clients that take over the session of another connection.
    pub taken_over: WarningThrottle,
    /// Topics and filters that a client may not use.
    pub denied: WarningThrottle,
    /// Messages for which there was no memory.
    pub memory: WarningThrottle,
}
