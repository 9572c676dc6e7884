//! What comes from the broker.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

use super::MqttQueueOptions;
use super::codec::Codec;
use super::graveyard::Graveyard;
use super::hold::{Hold, Item, Owed};
use crate::count::{Counters, Increment};
use crate::messaging::EnvelopeError;
use crate::messaging::local::Burst;
use crate::messaging::shelf::{Likeness, Shelf};
use crate::mqtt::{MqttMessage, MqttMessageListener};
use crate::text::clip;
use crate::{BoxFuture, Error};

/// What becomes of unfinished messages when the queue closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The broker would never send them again: they stay here while the queue is closed.
    Stays,
    /// They are sent to the topic anew, for the others of the group, and stay.
    GivenBack,
    /// The broker keeps the session, and sends them again.
    LeftToBroker,
}

/// Puts messages on the queue's shelf, with their acknowledgements.
pub(super) struct Inbox {
    pub(super) shelf: Arc<Shelf<Hold>>,
    pub(super) codec: Codec,
    pub(super) graveyard: Graveyard,
    /// `malformed_messages`: messages that are no envelope.
    pub(super) malformed: Increment,
    /// `repeated_messages`: messages that the broker sent again while they were here.
    pub(super) repeated: Increment,
    pub(super) burst: Burst,
    /// Knows messages by their bytes, where the broker may send them again.
    pub(super) prints: Option<RandomState>,
    /// Whether the queue is open.
    pub(super) open: watch::Sender<bool>,
    pub(super) fate: Fate,
    /// The queue has closed, and gives its messages back: what comes late is given back too.
    pub(super) giving: AtomicBool,
    /// Messages that were left to the broker since the queue was opened.
    pub(super) left: AtomicU64,
}

impl MqttMessageListener for Inbox {
    fn on_message(&self, message: MqttMessage) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.take(message))
    }
}

impl Inbox {
    /// What comes for the queue of this graveyard, which is closed.
    pub(super) fn new(
        graveyard: Graveyard,
        options: &MqttQueueOptions,
        counters: &Counters,
        fate: Fate,
    ) -> Self {
        let increment = |what: &str| counters.increment(&format!("queue.{}.{what}", graveyard.name));
        Self {
            shelf: Arc::new(Shelf::new(options.rules())),
            codec: graveyard.codec,
            malformed: increment("malformed_messages"),
            repeated: increment("repeated_messages"),
            burst: Burst::default(),
            prints: graveyard.transport.keeps_session().then(RandomState::new),
            open: watch::Sender::new(false),
            fate,
            giving: AtomicBool::new(false),
            left: AtomicU64::new(0),
            graveyard,
        }
    }

    async fn take(&self, message: MqttMessage) -> Result<(), Error> {
        let mut hold = Owed::of(&message, self.prints.as_ref());
        if message.dup && hold.is_some() {
            match self.join(hold) {
                Ok(()) => return Ok(()),
                Err(new) => hold = new,
            }
        }
        let item = match self.codec.decode(&message) {
            Ok(envelope) => Item::new(envelope, hold),
            Err(error) => {
                self.report(&message, &error);
                if self.graveyard.target.is_none() {
                    hold.into_iter().for_each(Owed::acknowledge);
                    return Ok(());
                }
                Item::doomed(Codec::Raw.decode(&message)?, hold)
            }
        };
        // What is kept of it is in the item.
        drop(message);
        if !*self.open.borrow() {
            self.late(item);
            return Ok(());
        }
        if item.hold.is_some() {
            // Without room it stands in line, and the broker, which gets no acknowledgement, sends no more than it may.
            self.shelf.line_up(item);
        } else if let Err(item) = self.shelf.put(item, self.closed()).await {
            // At QoS 0 nothing but the queue before this listener bounds how many come.
            self.late(item);
        }
        if !*self.open.borrow() {
            // It closed meanwhile.
            self.tidy();
        }
        Ok(())
    }

    /// A message that was here when the link broke, wherever it is now, is held by the link on which the broker sent it again:
    /// so it has one holder, and completing it is heard. Gives back what is held for a message that is not here.
    fn join(&self, hold: Hold) -> Result<(), Hold> {
        let likeness = |known: &Hold, again: &Hold| match (known, again) {
            (Some(known), Some(again)) => known.likeness(again),
            _ => Likeness::None,
        };
        let before = self.shelf.replace(hold, likeness)?;
        self.repeated.one();
        // On its own link nothing can be acknowledged any more.
        before.into_iter().for_each(Owed::acknowledge);
        Ok(())
    }

    /// The queue closes; false where it is closed already.
    pub(super) fn shut(&self) -> bool {
        if *self.open.borrow() && self.fate == Fate::GivenBack {
            self.giving.store(true, Ordering::Release);
        }
        self.open.send_replace(false)
    }

    async fn closed(&self) {
        // A queue that is gone has closed too.
        let _ = self.open.subscribe().wait_for(|open| !open).await;
    }

    /// A message that came to a closed queue.
    fn late(&self, mut item: Item) {
        if item.hold.is_some() && self.giving.load(Ordering::Acquire) {
            self.shelf.line_up(item);
            return self.tidy();
        }
        match item.hold.take() {
            Some(hold) if self.fate == Fate::LeftToBroker => self.leave(hold),
            Some(hold) => {
                self.shelf.line_up(item);
                hold.acknowledge();
            }
            None if self.fate == Fate::LeftToBroker => {}
            // The broker has forgotten it, and there may be any number of them.
            None => drop(self.shelf.try_put(item)),
        }
    }

    /// Leaves a message to the next link of the session.
    fn leave(&self, hold: Owed) {
        self.left.fetch_add(1, Ordering::Relaxed);
        drop(hold);
    }

    /// Something was put on the shelf while the queue closed.
    fn tidy(&self) {
        if !self.giving.load(Ordering::Acquire) {
            self.close();
        }
    }

    /// What is unfinished when the queue closes: where the broker would send it again, it is left to it; else it stays, and
    /// the broker is done with it. Returns how many of them there are.
    pub(super) fn close(&self) -> usize {
        if self.fate != Fate::LeftToBroker {
            let items = self.shelf.part();
            let count = items.len();
            items.into_iter().filter_map(|item| item.hold).for_each(Owed::acknowledge);
            return count;
        }
        let holds: Vec<_> = self.shelf.clear(true).into_iter().filter_map(|item| item.hold).collect();
        let count = holds.len();
        holds.into_iter().for_each(|hold| self.leave(hold));
        count
    }

    /// A message that is no envelope: nobody could receive it.
    fn report(&self, message: &MqttMessage, error: &EnvelopeError) {
        self.malformed.one();
        if !self.burst.begins(Instant::now()) {
            return;
        }
        let Graveyard { name, target, logger, .. } = &self.graveyard;
        let to = if target.is_some() {
            format!("it goes to `{}`", self.graveyard.to())
        } else {
            "it is dropped".to_owned()
        };
        logger.error(
            Some(error),
            format_args!(
                "Failed to read received message: {} bytes on `{}` are no envelope of the queue `{name}`; {to}, \
                 like others that follow, which are only counted",
                message.payload.len(),
                clip(&message.topic)
            ),
        );
    }
}
