//! When a component opens, beside what its references say.

/// When a component opens and closes, beside what its references say; see [`Component::STAGE`](super::Component::STAGE).
///
/// Log sinks open first of all, then those of the stage `Observe`, then sinks of counters and traces, then all others; each with what
/// it needs. They close in the reverse order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// With those that it references and those that reference it.
    #[default]
    Work,
    /// Before all that works, and closed after it: for what tells others how the service is, such as an endpoint with its health. So
    /// probes are answered from before the first open to after the last close.
    Observe,
}
