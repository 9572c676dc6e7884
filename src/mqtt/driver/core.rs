//! What outlives a link: publishes, received messages, subscriptions, and the sessions of brokers.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::broker_sessions::BrokerSessions;
use super::inbox::{Batch, Command, Inbox, Reader};
use super::link_state::{LinkState, Remaining};
use super::permits::Permits;
use super::publishing::Publishing;
use super::receiving::Receiving;
use super::refusal::RefusalText;
use super::settings::Settings;
use super::subscribing::{Subscribing, Unsubscribed};
use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::protocol::{AckKind, Incoming, Limits, Reason};
use crate::mqtt::session::MAX_WINDOW;
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttError, subscriptions};
use crate::text::{clip, duration};

/// The state of a connection, over all its links.
pub(super) struct Core {
    pub publishing: Publishing,
    pub receiving: Receiving,
    pub subscribing: Subscribing,
    settings: Arc<Settings>,
    reader: Reader,
    logger: Logger,
    metrics: Arc<Metrics>,
    state: watch::Sender<LinkState>,
    broker_sessions: BrokerSessions,
    /// Why the link is down, while it is.
    down: Option<LinkError>,
    /// Whether it was found out what ended the last links: there is no reason to wait before the next one.
    poison_found: bool,
}

impl Core {
    pub fn new(
        settings: Arc<Settings>,
        inbox: Arc<Inbox>,
        permits: Arc<Permits>,
        logger: Logger,
        metrics: Arc<Metrics>,
        state: watch::Sender<LinkState>,
    ) -> Self {
        let window = settings.max_inflight.clamp(1, MAX_WINDOW);
        // Every window leaves as many packet identifiers as the largest.
        let control_ids = u16::MAX - MAX_WINDOW;
        let (log, count) = (|| logger.clone(), || Arc::clone(&metrics));
        let capacity = settings.listener_queue;
        let tracer = settings.tracer.clone();
        let context = subscriptions::ListenerContext { logger: log(), metrics: count(), tracer, capacity };
        let (acknowledger, ids) = (Arc::clone(&inbox), window + 1..=window + control_ids);
        Self {
            publishing: Publishing::new(window, control_ids, permits, log(), count()),
            receiving: Receiving::new(Arc::clone(&settings), acknowledger, log(), count()),
            subscribing: Subscribing::new(ids, Arc::clone(&settings), Arc::clone(&inbox), context),
            reader: Reader::new(inbox),
            state,
            broker_sessions: BrokerSessions::default(),
            down: Some(LinkError::NotYet),
            poison_found: false,
            settings,
            logger,
            metrics,
        }
    }

    /// Handles the inbox, and has the task woken for more. Returns the deadline of closing, once that was asked for.
    pub fn poll_inbox(&mut self, cx: &Context<'_>) -> Option<Instant> {
        self.reader.inbox().register(cx.waker());
        self.take_inbox()
    }

    /// Handles the inbox. Returns the deadline of closing, once that was asked for.
    pub fn take_inbox(&mut self) -> Option<Instant> {
        let Batch { mut commands, mut settled, deadline } = self.reader.take();
        for settled in settled.drain(..) {
            self.receiving.settled(settled);
        }
        for command in commands.drain(..) {
            self.command(command);
        }
        self.reader.recycle(commands, settled);
        deadline
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Publish(accepted) => self.publishing.accept(accepted, self.down.as_ref()),
            Command::Subscribe { filter, options, listener, reply } => {
                if self.subscribing.subscribe(&filter, options, &listener, reply) {
                    let subscribing = &self.subscribing;
                    let missed =
                        |topic: &str| !subscribing.receives_by_other_filter(&listener, &filter, topic);
                    let claimed = self.receiving.claim(&filter, missed);
                    self.subscribing.deliver_claimed(claimed, &filter, &listener);
                }
            }
            Command::GiveUp { filter, listener } => {
                self.subscribing.give_up(&filter, &listener);
                self.take_undelivered();
            }
            Command::Unsubscribe { filter, listener, reply } => {
                match self.subscribing.unsubscribe(filter, &listener, reply) {
                    Unsubscribed::Granted(filter) => self.receiving.unsubscribed(filter),
                    Unsubscribed::Awaited(undelivered) => self.receiving.undelivered(undelivered),
                    Unsubscribed::Unknown => {}
                }
            }
        }
    }

    fn take_undelivered(&mut self) {
        let undelivered = self.subscribing.take_undelivered();
        self.receiving.undelivered(undelivered);
    }

    /// Answers those who wait for room, and for filters to be taken back. To be called at the end of each turn.
    pub fn give_back(&mut self) {
        self.publishing.give_back();
        self.subscribing.settle();
    }

    /// Handles a packet.
    pub fn handle(&mut self, packet: Incoming, now: Instant) -> Result<(), LinkError> {
        let known = match packet {
            Incoming::Publish { id, message, subscriptions } => {
                let subscribing = &mut self.subscribing;
                return self.receiving.receive(id, message, |message, receipt| {
                    subscribing.deliver(message, &subscriptions, receipt, now)
                });
            }
            Incoming::Oversize(oversize) => return self.receiving.receive_oversize(oversize),
            Incoming::Ack { kind: AckKind::Release, id, .. } => {
                self.receiving.release(id);
                return Ok(());
            }
            Incoming::Ack { kind, id, code, reason } => {
                let (reason, refusal) = (reason.as_deref(), self.subscribing.refusal());
                let known = self.publishing.acknowledge((kind, id, code), reason, refusal, now);
                ("an acknowledgement", id, known)
            }
            Incoming::Subscribed { id, codes, reason } => {
                let known = self.subscribing.granted(id, &codes, reason.as_deref(), now)?;
                self.take_undelivered();
                ("SUBACK", id, known)
            }
            Incoming::Unsubscribed { id, codes } => ("UNSUBACK", id, self.subscribing.revoked(id, &codes)?),
            Incoming::Pong => return Ok(()),
            Incoming::Disconnect(reason) => {
                let text = self.subscribing.refusal().with_user(reason.code, reason.text);
                return Err(Reason { text, ..reason }.disconnected());
            }
            Incoming::Authentication => return Err(LinkError::Authentication),
            Incoming::Accepted { .. } | Incoming::Refusal(_) => return Err(LinkError::Unexpected("CONNACK")),
            Incoming::UnknownTopicAlias => return Err(LinkError::UnknownTopicAlias),
            Incoming::Unexpected(packet) => return Err(LinkError::Unexpected(packet)),
        };
        if let (what, id, false) = known {
            self.metrics.unsolicited.one();
            self.logger.debug(format_args!("{what} for packet id {id} belongs to nothing; ignored"));
        }
        Ok(())
    }

    /// Refuses filters in quarantine, and asks for those whose quarantine is over.
    pub fn quarantine_filters(&mut self, now: Instant) {
        self.subscribing.quarantine(now);
        self.take_undelivered();
    }

    /// Refuses unsupported filters of the next packet. With `alone`, a filter that may end the link can be sent.
    pub fn refuse_unsupported(&mut self, limits: &Limits, alone: bool, now: Instant) {
        self.subscribing.refuse_unsupported(limits, alone, now);
        self.take_undelivered();
    }

    /// Gives up packets that were not answered in time. Where the broker has been `silent` since one was sent, the link is dead.
    pub fn expire_answers(
        &mut self,
        silent: impl Fn(Instant) -> bool,
        now: Instant,
    ) -> Result<(), LinkError> {
        let expired = self.subscribing.expire(silent, now);
        self.take_undelivered();
        expired
    }

    /// Counts messages that were sent.
    pub fn messages_sent(&mut self, count: u64) {
        self.metrics.sent.add(count);
        if count > 0 {
            self.subscribing.messages_sent();
        }
    }

    /// Goes on over a new link to a broker that has accepted the client.
    pub fn resume(&mut self, at: &Endpoint, session_present: bool, limits: &Limits, now: Instant) {
        self.metrics.opened.one();
        if !self.broker_sessions.is_new() {
            self.metrics.reconnects.one();
        }
        self.poison_found = false;
        self.adopt_client_id(limits);
        self.warn_of_expiry(limits);
        let resumption = self.broker_sessions.connected(at, session_present);
        self.receiving.resume(resumption.incoming, now);
        let (identifiers, refusal) = (limits.subscription_ids_available, RefusalText::of(at));
        self.subscribing.resume(resumption.subscriptions, identifiers, refusal, now);
        self.publishing.resume(resumption.proven, resumption.inherited, limits.receive_maximum);
        self.give_back();
    }

    /// Takes the client id that the broker has assigned, so that the next link finds the session of this one.
    fn adopt_client_id(&self, limits: &Limits) {
        let Some(assigned) = &limits.assigned_client_id else { return };
        if self.settings.client_id.assign(assigned.clone()) {
            let assigned = clip(self.settings.client_id.get());
            self.logger.info(format_args!("The MQTT broker knows this client as `{assigned}`"));
        }
    }

    /// Warns where the broker keeps the session for a shorter time than it was asked to.
    fn warn_of_expiry(&self, limits: &Limits) {
        let asked = self.settings.session_expiry;
        if let Some(granted) = limits.session_expiry.filter(|granted| *granted < asked) {
            let granted = duration(Duration::from_secs(granted.into()));
            self.logger.warn(format_args!(
                "the broker keeps the session for {granted} after the connection is lost, not as long as it was asked to"
            ));
        }
    }

    /// All subscriptions of a new link are restored.
    pub fn restored(&mut self) {
        self.down = None;
        self.reader.inbox().set_up(true);
    }

    /// The link is lost.
    pub fn link_lost(&mut self, reason: &LinkError) {
        self.down = Some(reason.clone());
        self.reader.inbox().set_up(false);
        self.receiving.link_ended();
        let filter = self.subscribing.find_poison(reason, Instant::now());
        self.take_undelivered();
        let message = self.publishing.find_poison(reason);
        self.poison_found |= filter || message;
        self.publishing.link_lost(reason);
        self.give_back();
    }

    /// The link was left in good order for another one: what waits goes there.
    pub fn link_left(&mut self) {
        self.receiving.link_ended();
        self.subscribing.link_left();
        self.publishing.link_left();
        self.give_back();
    }

    /// No broker has accepted the client since the last link.
    pub fn connect_failed(&mut self, lost: &LinkError) {
        if self.down.is_none() {
            // The last link was left in good order, for one that did not come about.
            self.link_lost(lost);
        }
        self.down = Some(lost.clone());
    }

    /// Whether no broker has accepted the client yet.
    pub fn is_new(&self) -> bool {
        self.broker_sessions.is_new()
    }

    /// A CONNECT was sent and not answered.
    pub fn connect_unanswered(&mut self) {
        self.broker_sessions.connect_unanswered();
    }

    /// Whether it was found out, since this was last asked, what ended the last links.
    pub fn take_poison_found(&mut self) -> bool {
        std::mem::take(&mut self.poison_found)
    }

    /// Whether something that was sent may be why a link ended.
    pub fn explains_an_end(&self) -> bool {
        self.publishing.explains_an_end() || self.subscribing.explains_an_end()
    }

    /// Whether the next links are to show what ends them, soon.
    pub fn is_searching(&self) -> bool {
        self.subscribing.is_searching() || self.publishing.is_searching()
    }

    /// Updates the state of the link where the filters without messages have changed.
    pub fn publish_missing(&mut self) {
        let Some(changed) = self.subscribing.changed_missing() else { return };
        self.state.send_if_modified(|state| match state {
            LinkState::Up { missing, .. } => {
                *missing = changed;
                true
            }
            _ => false,
        });
    }

    /// Whether everything accepted is sent and acknowledged, every message handled, and no filter left that nobody wants.
    pub fn is_drained(&self) -> bool {
        self.publishing.is_idle() && self.receiving.is_handled() && self.subscribing.filters_left() == 0
    }

    /// Handles the inbox without a link, until the connection is to end: when nothing is left to be sent, or at the deadline.
    pub async fn until_closed(&mut self) {
        let mut timer = None;
        let closed = std::future::poll_fn(|cx| {
            let deadline = self.poll_inbox(cx);
            self.give_back();
            let Some(deadline) = deadline else { return Poll::Pending };
            self.receiving.close();
            if self.is_drained() {
                return Poll::Ready(());
            }
            timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(cx)
        });
        closed.await;
    }

    /// Waits, for a while, until listeners have finished half of what they may hold: what is unacknowledged comes again.
    pub async fn until_half_handled(&mut self) {
        let enough = self.settings.max_incoming_bytes / 2;
        let longest = self.settings.max_reconnect_timeout;
        self.receiving.wake_when_handled(true);
        let relieved = std::future::poll_fn(|cx| {
            let deadline = self.poll_inbox(cx);
            self.give_back();
            let ready = deadline.is_some() || self.receiving.held_bytes() <= enough;
            if ready { Poll::Ready(()) } else { Poll::Pending }
        });
        // Listeners that publish wait for the link in turn: it must not wait for them for ever.
        let _ = timeout(longest, relieved).await;
        self.receiving.wake_when_handled(false);
    }

    /// Waits, for a moment, until listeners have finished everything that came in.
    pub async fn until_handled(&mut self, limit: Duration) {
        self.receiving.wake_when_handled(true);
        let handled = std::future::poll_fn(|cx| {
            self.poll_inbox(cx);
            self.give_back();
            if self.receiving.is_handled() { Poll::Ready(()) } else { Poll::Pending }
        });
        let _ = timeout(limit, handled).await;
        self.receiving.wake_when_handled(false);
    }

    /// Ends the connection, for a failure if there is one. Returns what was left.
    pub async fn end(&mut self, failure: Option<&MqttError>) -> Remaining {
        let reason = failure.unwrap_or(&MqttError::Closed);
        self.reader.inbox().set_up(false);
        self.reader.inbox().close(reason.clone());
        self.take_inbox();
        let publishes = self.publishing.fail_all(reason);
        self.subscribing.fail_revoking();
        if failure.is_some() {
            self.until_all_handled().await;
        }
        let (messages, filters) = (self.receiving.unhandled(), self.subscribing.filters_left());
        let remaining = Remaining { publishes, messages, filters };
        if !remaining.is_nothing() {
            self.logger.warn(format_args!("The MQTT connection ends with {remaining}"));
        }
        self.subscribing.end().await;
        remaining
    }

    /// After a failure, what had been read before goes to its listeners, within the time that closing has.
    async fn until_all_handled(&mut self) {
        let limit = self.settings.close_timeout;
        self.receiving.wake_when_handled(true);
        let mut timer = None;
        let finished = std::future::poll_fn(|cx| {
            let deadline = self.poll_inbox(cx);
            if self.receiving.is_handled() {
                return Poll::Ready(());
            }
            let Some(deadline) = deadline else { return Poll::Pending };
            timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(cx)
        });
        // What they have not finished by then is counted as remaining.
        let _ = timeout(limit, finished).await;
    }
}
