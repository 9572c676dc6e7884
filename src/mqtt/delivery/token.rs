//! Which received message a listener has.

/// Stands for a message that listeners have; they give it back when they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its number among all messages ever received.
    number: u64,
    id: u16,
    exactly_once: bool,
    /// The number of the first message that came over the same link.
    link: u64,
    /// How many sessions were lost before it came.
    session: u64,
}

impl Token {
    /// The token of message `number`, which is the first of its `link` where that has the same number.
    pub const fn new(number: u64, id: u16, exactly_once: bool, link: u64, session: u64) -> Self {
        Self { number, id, exactly_once, link, session }
    }

    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The packet id.
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Whether the message has QoS 2.
    pub const fn is_exactly_once(&self) -> bool {
        self.exactly_once
    }

    /// Whether the broker may send this message again as `again`: as one of the same session and a later link. At QoS 2 it has
    /// the same id then.
    pub fn may_come_again_as(&self, again: &Self) -> bool {
        let (exactly_once, id) = (self.exactly_once || again.exactly_once, self.id == again.id);
        let same = !exactly_once || (self.exactly_once && id);
        self.session == again.session && self.link < again.link && same
    }

    /// Whether both have the same packet id.
    pub fn has_id_of(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
