//! How much of what came in lies unhandled before listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use super::credit::Credit;
use crate::footprint;
use crate::mqtt::session::Token;

/// What a message costs beside its own bytes, wherever it is: its receipt, the right to acknowledge it, and word of its end.
const OVERHEAD: usize = footprint::piece(size_of::<Receipt>())
    + footprint::piece(size_of::<[usize; 8]>())
    + footprint::place::<(Token, bool)>();

/// Whoever acknowledges messages: the driver. It is called by listeners' tasks.
pub(crate) trait Acknowledger: Send + Sync {
    /// All listeners have let go of the message; one that was `refused` must not be acknowledged.
    fn settle(&self, token: Token, refused: bool);

    /// A message has left the hands of listeners while the counts [were watched](Held::watch).
    fn wake(&self);
}

/// Counts messages and bytes that no listener has finished yet.
pub(crate) struct Held {
    credit: Credit,
    acknowledger: Arc<dyn Acknowledger>,
}

impl Held {
    pub fn new(acknowledger: Arc<dyn Acknowledger>) -> Arc<Self> {
        Arc::new(Self { credit: Credit::new(), acknowledger })
    }

    pub fn bytes(&self) -> usize {
        self.credit.bytes()
    }

    pub fn messages(&self) -> usize {
        self.credit.messages()
    }

    /// From now on the driver is woken whenever a message is finished.
    pub fn watch(&self, on: bool) {
        self.credit.watch(on);
    }

    /// Counts one message in, of this [footprint](crate::footprint); the receipt counts it out.
    pub fn take(self: &Arc<Self>, footprint: usize, token: Option<Token>) -> Arc<Receipt> {
        self.credit.take();
        let (refused, handled) = (AtomicBool::new(false), AtomicBool::new(false));
        let (held, bytes) = (Arc::clone(self), AtomicUsize::new(0));
        let receipt = Receipt { held, bytes, token, refused, handled };
        receipt.add(footprint + OVERHEAD);
        Arc::new(receipt)
    }
}

/// One message in the hands of its listeners. When the last of them lets go of it, it may be acknowledged: also when a
/// listener panics or is thrown out. Not so when one of them has refused it.
pub(crate) struct Receipt {
    held: Arc<Held>,
    bytes: AtomicUsize,
    token: Option<Token>,
    refused: AtomicBool,
    /// A listener has got it.
    handled: AtomicBool,
}

impl Receipt {
    /// The message takes more memory, such as places in lists; it is given back with the receipt.
    pub fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.held.credit.add(bytes);
    }

    /// Whether the broker waits for an acknowledgement.
    pub fn is_owed(&self) -> bool {
        self.token.is_some()
    }

    /// Which message of its session it is, where the broker waits for an acknowledgement.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    /// Whether both came over one connection, from its opening to its end.
    pub fn is_of_one_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }

    /// It must not be acknowledged, whatever the other listeners say.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// A listener has it: those who let go of it unhandled say nothing any more.
    pub fn handle(&self) {
        self.handled.store(true, Ordering::Release);
    }

    /// Whether nobody but its holder has to do with it, or had.
    pub fn is_alone(receipt: &Arc<Self>) -> bool {
        if Arc::strong_count(receipt) != 1 {
            return false;
        }
        // Who lets go has handled it before, and letting go releases that; the count is read without acquiring it.
        fence(Ordering::Acquire);
        !receipt.handled.load(Ordering::Relaxed)
    }

    /// Lets go of a message that must not be acknowledged.
    pub fn leave(receipt: Arc<Self>) -> Option<Token> {
        Arc::into_inner(receipt).and_then(|mut receipt| receipt.token.take())
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // The token first: whoever sees the counts fall finds it.
        if let Some(token) = self.token {
            self.held.acknowledger.settle(token, self.refused.load(Ordering::Acquire));
        }
        if self.held.credit.give_back(*self.bytes.get_mut()) {
            self.held.acknowledger.wake();
        }
    }
}
