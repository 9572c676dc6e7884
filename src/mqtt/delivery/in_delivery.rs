//! The messages in delivery, which are in the hands of listeners: their number, their memory, and what became of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use super::delivery_counts::DeliveryCounts;
use crate::footprint;

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

/// What a message costs beside its own bytes, wherever it is: its receipt, the right to acknowledge it, and the notice of its end.
const OVERHEAD: usize = footprint::piece(size_of::<DeliveryGuard>())
    + footprint::piece(size_of::<[usize; 8]>())
    + footprint::place::<(Token, bool)>();

/// Whoever acknowledges messages: the driver. It is called by listeners' tasks.
pub(crate) trait Acknowledger: Send + Sync {
    /// All listeners have let go of the message; one that was `refused` must not be acknowledged.
    fn settle(&self, token: Token, refused: bool);

    /// A message has left the hands of listeners while the counts [were watched](InDelivery::watch).
    fn wake(&self);
}

/// Counts the messages that listeners have not finished yet, and their bytes.
pub(crate) struct InDelivery {
    counts: DeliveryCounts,
    acknowledger: Arc<dyn Acknowledger>,
}

impl InDelivery {
    pub fn new(acknowledger: Arc<dyn Acknowledger>) -> Arc<Self> {
        Arc::new(Self { counts: DeliveryCounts::new(), acknowledger })
    }

    pub fn bytes(&self) -> usize {
        self.counts.bytes()
    }

    pub fn messages(&self) -> usize {
        self.counts.messages()
    }

    /// From now on the acknowledger is woken whenever a message is finished.
    pub fn watch(&self, on: bool) {
        self.counts.watch(on);
    }

    /// Counts one message in, of this [footprint](crate::footprint); the receipt counts it out.
    pub fn admit(self: &Arc<Self>, footprint: usize, token: Option<Token>) -> Arc<DeliveryGuard> {
        self.counts.count_in();
        let (refused, handled) = (AtomicBool::new(false), AtomicBool::new(false));
        let (in_delivery, bytes) = (Arc::clone(self), AtomicUsize::new(0));
        let receipt = DeliveryGuard { in_delivery, bytes, token, refused, handled };
        receipt.add_bytes(footprint + OVERHEAD);
        Arc::new(receipt)
    }

    /// Counts of messages that nobody acknowledges.
    #[cfg(test)]
    pub fn unacknowledged() -> Arc<Self> {
        struct Nobody;

        impl Acknowledger for Nobody {
            fn settle(&self, _: Token, _: bool) {}

            fn wake(&self) {}
        }

        Self::new(Arc::new(Nobody))
    }
}

/// One message in the hands of its listeners. When the last of them lets go of it, it may be acknowledged: also when a
/// listener panics or is aborted. Not so when one of them has refused it.
pub(crate) struct DeliveryGuard {
    in_delivery: Arc<InDelivery>,
    bytes: AtomicUsize,
    token: Option<Token>,
    refused: AtomicBool,
    /// The message was passed to a listener.
    handled: AtomicBool,
}

impl DeliveryGuard {
    /// The message takes this much more memory, such as entries in lists; it is counted out with the receipt.
    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.in_delivery.counts.add_bytes(bytes);
    }

    /// Whether the broker waits for an acknowledgement.
    pub fn needs_acknowledgement(&self) -> bool {
        self.token.is_some()
    }

    /// Which message of its session it is, where the broker waits for an acknowledgement.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    /// Whether both came over one connection, from its opening to its end.
    pub fn is_of_one_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.in_delivery, &other.in_delivery)
    }

    /// The message must not be acknowledged, whatever the other listeners say.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// Notes that the message is passed to a listener. From then on [`is_unhandled`](Self::is_unhandled) is false for everybody who
    /// has a receipt of it.
    pub fn handle(&self) {
        self.handled.store(true, Ordering::Release);
    }

    /// Whether this is the only receipt of its message, and no listener was passed it.
    pub fn is_unhandled(receipt: &Arc<Self>) -> bool {
        if Arc::strong_count(receipt) != 1 {
            return false;
        }
        // Whoever dropped another one has called `handle` before, and the drop releases that; the count is read without acquiring it.
        fence(Ordering::Acquire);
        !receipt.handled.load(Ordering::Relaxed)
    }

    /// Drops the receipt of a message that must not be acknowledged. Returns its token where it was the last one.
    pub fn withdraw(receipt: Arc<Self>) -> Option<Token> {
        Arc::into_inner(receipt).and_then(|mut receipt| receipt.token.take())
    }
}

impl Drop for DeliveryGuard {
    fn drop(&mut self) {
        // The token first: whoever sees the counts fall finds it.
        if let Some(token) = self.token {
            self.in_delivery.acknowledger.settle(token, self.refused.load(Ordering::Acquire));
        }
        if self.in_delivery.counts.count_out(*self.bytes.get_mut()) {
            self.in_delivery.acknowledger.wake();
        }
    }
}
