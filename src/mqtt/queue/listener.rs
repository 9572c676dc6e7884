//! The listener of a queue: it puts the messages that the broker sends into the store.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

use super::MqttQueueOptions;
use super::ack::PendingAck;
use super::codec::Codec;
use crate::count::{Counters, Increment};
use crate::log::Logger;
use crate::messaging::EnvelopeError;
use crate::messaging::kit::{LogThrottle, QueueCore};
use crate::messaging::store::{MessageStore, Redelivery, StoredMessage};
use crate::mqtt::{MqttMessage, MqttMessageListener};
use crate::text::clip;
use crate::{BoxFuture, Error};

/// What becomes of unfinished messages when the queue closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnClose {
    /// The broker would never send them again: they stay in the store while the queue is closed.
    Stay,
    /// They are published to the topic again, for the others of the group, and stay.
    ReturnToGroup,
    /// The broker keeps the session, and sends them again.
    LeaveToBroker,
}

/// Puts messages into the queue's store, with their acknowledgements.
pub(super) struct QueueListener {
    queue: Arc<str>,
    store: Arc<MessageStore<Option<PendingAck>>>,
    codec: Codec,
    /// Where dead letters go, as log lines show it; none where they go nowhere.
    dead_letter_target: Option<String>,
    logger: Logger,
    /// `malformed_messages`: messages that are no envelope.
    malformed: Increment,
    /// `repeated_messages`: messages that the broker sent again while they were here.
    repeated: Increment,
    malformed_throttle: LogThrottle,
    /// Makes fingerprints of messages, where the broker may send them again.
    hasher: Option<RandomState>,
    open: watch::Sender<bool>,
    on_close: OnClose,
    /// The queue has closed, and returns its messages to the group: what comes late is returned too.
    returning: AtomicBool,
    /// How many messages were left to the broker since the queue was opened.
    left: AtomicU64,
}

impl MqttMessageListener for QueueListener {
    fn on_message(&self, message: MqttMessage) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.receive(message))
    }

    /// Who receives the message from the queue handles it.
    fn is_traced(&self) -> bool {
        false
    }
}

impl QueueListener {
    /// The listener of this queue, which is closed.
    pub fn new(
        core: &QueueCore<Option<PendingAck>>,
        options: &MqttQueueOptions,
        counters: &Counters,
        on_close: OnClose,
        dead_letter_target: Option<String>,
    ) -> Self {
        let queue = Arc::clone(core.name());
        let increment = |what: &str| counters.increment(&format!("queue.{queue}.{what}"));
        Self {
            store: Arc::new(MessageStore::new(options.store_options())),
            codec: Codec::of(options),
            dead_letter_target,
            logger: core.logger().clone(),
            malformed: increment("malformed_messages"),
            repeated: increment("repeated_messages"),
            malformed_throttle: LogThrottle::default(),
            // Only a persistent session has a broker send messages again.
            hasher: (on_close == OnClose::LeaveToBroker).then(RandomState::new),
            open: watch::Sender::new(false),
            on_close,
            returning: AtomicBool::new(false),
            left: AtomicU64::new(0),
            queue,
        }
    }

    pub fn store(&self) -> &Arc<MessageStore<Option<PendingAck>>> {
        &self.store
    }

    pub fn on_close(&self) -> OnClose {
        self.on_close
    }

    /// The queue opens; true where messages were left to the broker when it closed.
    pub fn open(&self) -> bool {
        self.returning.store(false, Ordering::Release);
        self.open.send_replace(true);
        self.left.swap(0, Ordering::Relaxed) > 0
    }

    /// The queue closes; false where it is closed already.
    pub fn close(&self) -> bool {
        if *self.open.borrow() && self.on_close == OnClose::ReturnToGroup {
            self.returning.store(true, Ordering::Release);
        }
        self.open.send_replace(false)
    }

    /// Whether the queue has closed and returns its messages to the group.
    pub fn is_returning(&self) -> bool {
        self.returning.load(Ordering::Acquire)
    }

    /// All messages are returned: what comes later is treated as by any closed queue.
    pub fn end_returning(&self) {
        self.returning.store(false, Ordering::Release);
    }

    /// Treats what is unfinished when the queue closes: where the broker would send it again, it is left to the broker; else it
    /// stays, and is acknowledged. Returns how many messages that are.
    pub fn release_unfinished(&self) -> usize {
        if self.on_close != OnClose::LeaveToBroker {
            let messages = self.store.take_acks();
            let count = messages.len();
            let acks = messages.into_iter().filter_map(StoredMessage::into_ack);
            acks.for_each(PendingAck::acknowledge);
            return count;
        }
        let acks: Vec<_> = self.store.clear(true).into_iter().filter_map(StoredMessage::into_ack).collect();
        let count = acks.len();
        acks.into_iter().for_each(|ack| self.leave_to_broker(ack));
        count
    }

    async fn receive(&self, message: MqttMessage) -> Result<(), Error> {
        let mut ack = PendingAck::of(&message, self.hasher.as_ref());
        if message.dup && ack.is_some() {
            match self.replace_ack(ack) {
                Ok(()) => return Ok(()),
                Err(new) => ack = new,
            }
        }
        let stored = match self.codec.decode(&message) {
            Ok(envelope) => StoredMessage::new(envelope, ack),
            Err(error) => {
                self.report_malformed(&message, &error);
                if self.dead_letter_target.is_none() {
                    ack.into_iter().for_each(PendingAck::acknowledge);
                    return Ok(());
                }
                StoredMessage::malformed(Codec::Raw.decode(&message)?, ack)
            }
        };
        // What is needed of it is in `stored`.
        drop(message);
        if !*self.open.borrow() {
            self.receive_late(stored);
            return Ok(());
        }
        if stored.ack().is_some() {
            // Without room it goes into the overflow, and the broker, which gets no acknowledgement, sends no more than it may.
            self.store.put_or_overflow(stored);
        } else if let Err(stored) = self.store.put(stored, self.closed()).await {
            // At QoS 0 nothing but the mailbox of this listener bounds how many come.
            self.receive_late(stored);
        }
        if !*self.open.borrow() {
            // It closed meanwhile.
            self.release_late();
        }
        Ok(())
    }

    /// A message that was here when the link broke is, wherever it is now, acknowledged on the link on which the broker sent it
    /// again. Gives the acknowledgement back where the message is not here.
    fn replace_ack(&self, ack: Option<PendingAck>) -> Result<(), Option<PendingAck>> {
        let compare = |known: &Option<PendingAck>, again: &Option<PendingAck>| match (known, again) {
            (Some(known), Some(again)) => known.redelivery(again),
            _ => Redelivery::No,
        };
        let before = self.store.replace_ack(ack, compare)?;
        self.repeated.one();
        // On its own link nothing can be acknowledged any more.
        before.into_iter().for_each(PendingAck::acknowledge);
        Ok(())
    }

    async fn closed(&self) {
        // A queue that is gone has closed too.
        let _ = self.open.subscribe().wait_for(|open| !open).await;
    }

    /// A message came to a closed queue.
    fn receive_late(&self, mut message: StoredMessage<Option<PendingAck>>) {
        if message.ack().is_some() && self.is_returning() {
            self.store.put_or_overflow(message);
            return self.release_late();
        }
        match message.ack_mut().take() {
            Some(ack) if self.on_close == OnClose::LeaveToBroker => self.leave_to_broker(ack),
            Some(ack) => {
                self.store.put_or_overflow(message);
                ack.acknowledge();
            }
            None if self.on_close == OnClose::LeaveToBroker => {}
            // The broker has forgotten it, and there may be any number of them.
            None => drop(self.store.try_put(message)),
        }
    }

    /// Leaves a message to the next link of the session.
    fn leave_to_broker(&self, ack: PendingAck) {
        self.left.fetch_add(1, Ordering::Relaxed);
        drop(ack);
    }

    /// A message was put into the store while the queue closed.
    fn release_late(&self) {
        if !self.is_returning() {
            self.release_unfinished();
        }
    }

    /// Reports a message that is no envelope, which nobody could receive.
    fn report_malformed(&self, message: &MqttMessage, error: &EnvelopeError) {
        self.malformed.one();
        if !self.malformed_throttle.should_log(Instant::now()) {
            return;
        }
        let fate = match &self.dead_letter_target {
            Some(target) => format!("it goes to `{target}`"),
            None => "it is dropped".to_owned(),
        };
        let queue = &self.queue;
        self.logger.error(
            Some(error),
            format_args!(
                "Failed to read received message: {} bytes on `{}` are no envelope of the queue `{queue}`; {fate}, \
                 like others that follow, which are only counted",
                message.payload.len(),
                clip(&message.topic)
            ),
        );
    }
}
