//! What becomes of the messages that a queue has not finished when it closes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::hold::{Item, Owed};
use super::inbox::{Fate, Inbox};
use super::subscribing::Subscribing;
use crate::Error;
use crate::component::Budget;
use crate::count::Increment;
use crate::log::Level;
use crate::mqtt::{MqttError, PublishOptions};

/// How many messages are on their way back at a time.
const AT_A_TIME: usize = 64;

/// Ends the flow of messages of one queue.
#[derive(Clone)]
pub(super) struct Leaving {
    pub(super) inbox: Arc<Inbox>,
    pub(super) subscribing: Arc<Subscribing>,
    /// How long giving messages back takes at most.
    pub(super) limit: Duration,
    /// `returned_messages`: messages that were given back to the group.
    pub(super) returned: Increment,
    /// `unreturned_messages`: messages that could not be.
    pub(super) unreturned: Increment,
}

impl Leaving {
    /// Takes the subscription back, and sees to what is unfinished: says what becomes of it.
    pub(super) async fn part(&self, budget: Budget) -> Result<(), MqttError> {
        let unsubscribed = self.subscribing.end(budget).await;
        if self.inbox.fate == Fate::GivenBack {
            // A connection of its own is closed after this.
            let owned = self.inbox.graveyard.transport.owned;
            let limit = if owned { budget.step(self.limit) } else { budget.last_step(self.limit) };
            self.give_back(limit).await;
            self.inbox.close();
        } else {
            self.say(self.inbox.close());
        }
        unsubscribed
    }

    /// Sends what is unfinished to the topic once more, for the others of the group: the broker does not count this queue
    /// among them any more. What nobody else takes is not lost as long as this process lives: all of it stays here too.
    async fn give_back(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (mut returned, mut left, mut why) = (0, 0, None);
        loop {
            let mut unfinished = self.inbox.shelf.part();
            unfinished.retain(|item| item.hold.is_some());
            if unfinished.is_empty() {
                break;
            }
            let outcomes = stream::iter(unfinished).map(|item| self.send_anew(item, deadline));
            let mut outcomes = std::pin::pin!(outcomes.buffered(AT_A_TIME));
            while let Some(outcome) = outcomes.next().await {
                match outcome {
                    Ok(()) => returned += 1,
                    Err(error) => {
                        left += 1;
                        why = Some(error);
                    }
                }
            }
        }
        self.inbox.giving.store(false, Ordering::Release);
        self.returned.add(returned);
        self.unreturned.add(left);
        let (name, logger) = (&self.inbox.graveyard.name, &self.inbox.graveyard.logger);
        if returned > 0 {
            let what = format_args!(
                "{returned} unfinished messages of the closing queue `{name}` are given back to its group"
            );
            logger.log(Level::Info, None, None, what);
        }
        if let Some(error) = why.map(Error::from) {
            let what = format_args!(
                "{left} unfinished messages of the closing queue `{name}` cannot be given back to its group; they stay in \
                 this process until it opens again, and are lost with it"
            );
            logger.log(Level::Warn, None, Some(&error), what);
        }
    }

    async fn send_anew(&self, item: Item, deadline: Instant) -> Result<(), MqttError> {
        let Some(owed) = &item.hold else { return Ok(()) };
        let limit = deadline.saturating_duration_since(Instant::now());
        // At least once, and never to be kept by the broker, however it was sent first.
        let mut options = PublishOptions::at_least_once().timeout(limit);
        options.trace_id = item.envelope.trace_id.clone();
        let graveyard = &self.inbox.graveyard;
        // It goes back to where it came from, and no further.
        let options = graveyard.codec_of(&item).mark(&item.envelope, options, graveyard.transport.version());
        let (topic, payload) = (Arc::clone(&owed.topic), graveyard.encode(&item));
        let sent = if limit.is_zero() {
            // To publish, that would be without limit. What is sent on now would come back, and be sent on again.
            Err(MqttError::TimedOut { operation: "publish", limit, accepted: false })
        } else {
            graveyard.transport.publish(topic, payload, options).await
        };
        // Only now, and also where it could not be sent: left alone, it would hold up the others of this connection.
        item.hold.into_iter().for_each(Owed::acknowledge);
        sent
    }

    /// Says what becomes of so many unfinished messages.
    fn say(&self, count: usize) {
        if count == 0 {
            return;
        }
        let fate = match self.inbox.fate {
            Fate::Stays | Fate::GivenBack => {
                "stay in this process until it opens again, and are lost with it (`options.clean_session`)"
            }
            Fate::LeftToBroker if self.inbox.graveyard.transport.owned => {
                "are left to the broker, which sends them again when it opens"
            }
            Fate::LeftToBroker => {
                "are left to the broker: until it opens again, or the connection has another link, each takes a place among \
                 those that the broker sends at a time over the connection that it shares"
            }
        };
        let name = &self.inbox.graveyard.name;
        let logger = &self.inbox.graveyard.logger;
        logger.warn(format_args!("{count} unfinished messages of the closing queue `{name}` {fate}"));
    }
}
