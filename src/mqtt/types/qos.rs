//! The quality of service of messages.

/// The quality of service (QoS) at which a message is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// QoS 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: sent until acknowledged; may arrive more than once.
    AtLeastOnce = 1,
    /// QoS 2: arrives exactly once, for two round trips.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level with this number, where there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}
