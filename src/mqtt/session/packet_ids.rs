//! Which packet ids are for what.

/// The packet ids above the publish window that SUBSCRIBE and UNSUBSCRIBE use.
pub(crate) const CONTROL_IDS: u16 = 16;

/// The largest window that leaves room for them.
pub(crate) const MAX_WINDOW: u16 = u16::MAX - CONTROL_IDS;
