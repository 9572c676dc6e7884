//! What outlives a link: the session, the subscriptions, and everybody who waits for something.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::burst::Burst;
use super::denied::Denied;
use super::gauges::Gauges;
use super::places::Places;
use super::whom::Whom;
use super::{Accepted, Command, Intake, LinkState, Permits, Reply, Settings, Settled};
use crate::log::Logger;
use crate::mqtt::metrics::Metrics;
use crate::mqtt::protocol::{AckKind, Incoming, Limits, Publish, Reason};
use crate::mqtt::session::{self, Acked, Outgoing};
use crate::mqtt::subscriptions::{InDelivery, ListenerContext, Registry, SharedListener, UnclaimedMessages};
use crate::mqtt::topic::Filter;
use crate::mqtt::{Lost, MqttError, QoS};

/// The packet ids above the publish window that SUBSCRIBE and UNSUBSCRIBE use.
const CONTROL_IDS: u16 = 16;

/// The largest window that leaves room for them.
pub(crate) const MAX_WINDOW: u16 = u16::MAX - CONTROL_IDS;

/// Whoever waits for a publish.
pub(super) struct Waiter {
    reply: Reply,
    cost: u32,
    windowed: bool,
}

pub(super) type Grant = oneshot::Sender<Result<QoS, MqttError>>;

pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    pub(super) intake: Arc<Intake>,
    pub(super) logger: Logger,
    pub(super) metrics: Arc<Metrics>,
    pub(super) held: Arc<InDelivery>,
    pub(super) outgoing: Outgoing<Waiter>,
    pub(super) incoming: session::Incoming,
    pub(super) registry: Registry<Grant>,
    pub(super) unclaimed: UnclaimedMessages,
    /// What the broker does not grant, though it had.
    pub(super) denied: Denied,
    /// Who waits until the broker has taken back a filter that nobody here has subscribed to.
    revoking: Vec<(Filter, oneshot::Sender<bool>)>,
    /// How many messages were left to the broker when closing began.
    pub(super) left: usize,
    /// Messages of QoS 0 that the socket had not taken when the connection closed.
    pub(super) unsent: usize,
    /// As whom the client is there.
    pub(super) whom: Whom,
    /// What the broker permits on the link that is up.
    pub(super) limits: Limits,
    /// Why the link is down, while it is.
    pub(super) down: Option<Lost>,
    /// The connection ends: what comes in from now on is left to the broker.
    pub(super) closing: bool,
    /// Whether a refused message has been warned of since the link came up.
    pub(super) refusals_said: bool,
    /// The topics on which messages above `options.max_packet_size` have been warned of.
    pub(super) oversize_said: Vec<Arc<str>>,
    /// No broker has said welcome yet.
    pub(super) new: bool,
    /// A CONNECT has been sent since the last welcome, and nothing says what the broker made of it.
    pub(super) unanswered: bool,
    pub(super) places: Places,
    /// Nothing but the last SUBSCRIBE or UNSUBSCRIBE can be why the broker ends the link, if it does so before it answers.
    pub(super) asked_alone: bool,
    /// What ended the last links has been found: there is no reason to wait before the next.
    pub(super) culprit: bool,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) permits: Arc<Permits>,
    pub(super) gauges: Gauges,
    commands: Vec<Command>,
    done: Vec<Settled>,
    /// How long these lists become.
    bursts: (Burst, Burst),
    /// What has been settled since permits were last given back.
    settled: (usize, usize),
}

impl Core {
    pub(super) fn new(
        settings: Arc<Settings>,
        intake: Arc<Intake>,
        permits: Arc<Permits>,
        logger: Logger,
        metrics: Arc<Metrics>,
        state: watch::Sender<LinkState>,
    ) -> Self {
        let held = InDelivery::new(intake.clone());
        let capacity = settings.listener_queue;
        let context = ListenerContext { logger: logger.clone(), metrics: Arc::clone(&metrics), capacity };
        let window = settings.max_inflight.clamp(1, MAX_WINDOW);
        let ids = window + 1..=window + CONTROL_IDS;
        let waits = (settings.reconnect_timeout, settings.max_reconnect_timeout);
        let denied = Denied::new(intake.denied().clone(), waits.0, waits.1);
        Self {
            outgoing: Outgoing::new(window, CONTROL_IDS),
            incoming: session::Incoming::default(),
            registry: Registry::new(ids, settings.max_filters.into(), context),
            unclaimed: UnclaimedMessages::new(!settings.clean_session, settings.unclaimed_timeout),
            denied,
            revoking: Vec::new(),
            left: 0,
            unsent: 0,
            whom: Whom::default(),
            limits: Limits::default(),
            new: true,
            unanswered: false,
            places: Places::default(),
            asked_alone: false,
            culprit: false,
            state,
            down: Some(Lost::NotYet),
            closing: false,
            refusals_said: false,
            oversize_said: Vec::new(),
            gauges: Gauges::default(),
            commands: Vec::new(),
            done: Vec::new(),
            bursts: Default::default(),
            settled: (0, 0),
            settings,
            intake,
            logger,
            metrics,
            held,
            permits,
        }
    }

    /// Takes what clients and listeners handed over. Returns when to stop, where that was asked.
    pub(super) fn take(&mut self) -> Option<Instant> {
        let (mut commands, mut done) = (std::mem::take(&mut self.commands), std::mem::take(&mut self.done));
        let stop = self.intake.take(&mut commands, &mut done);
        self.bursts.0.note(commands.len());
        self.bursts.1.note(done.len());
        for settled in done.drain(..) {
            self.let_go(settled);
        }
        for command in commands.drain(..) {
            self.command(command);
        }
        self.bursts.0.trim(&mut commands);
        self.bursts.1.trim(&mut done);
        (self.commands, self.done) = (commands, done);
        stop
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Publish(accepted) => self.accept(accepted),
            Command::Subscribe { filter, options, listener, reply } => {
                let known = self.registry.has(&filter, &listener);
                // Whoever asked may have gone, but the answer to that is to unsubscribe, as after a grant.
                if let Err((reply, why)) = self.registry.subscribe(&filter, options, &listener, reply) {
                    // The subscriber may have gone; then nothing is left to be told.
                    let _ =
                        reply.send(Err(MqttError::Unsupported { what: "these subscription options", why }));
                    return;
                }
                if !known {
                    self.claim(&filter, &listener);
                }
            }
            Command::GiveUp { filter, listener } => {
                self.registry.give_up_on(&filter, &listener, Grant::is_closed);
                let left = self.registry.take_undelivered();
                self.keep(left);
            }
            Command::Unsubscribe { filter, listener, reply } => self.unsubscribe(filter, &listener, reply),
        }
    }

    fn unsubscribe(&mut self, filter: Filter, listener: &SharedListener, reply: oneshot::Sender<bool>) {
        let waiters = self.registry.unsubscribe(&filter, listener);
        let left = self.registry.take_undelivered();
        // A kept session may have filters of an earlier process.
        if waiters.is_none() && !self.settings.clean_session && self.registry.revoke(&filter) {
            self.revoking.push((filter, reply));
            return;
        }
        // The caller may not wait for the answer.
        let _ = reply.send(waiters.is_some());
        let Some(waiters) = waiters else { return };
        // Where the grant was still awaited, it may be asked for again.
        if waiters.is_empty() {
            self.unclaimed.unsubscribed(filter);
            return;
        }
        self.keep(left);
        let error = MqttError::Unsubscribed { filter: filter.as_str().into() };
        for waiter in waiters {
            let _ = waiter.send(Err(error.clone()));
        }
    }

    /// What changed at subscriptions: tells those who wait for filters that are not the broker's any more, and forgets what
    /// is not denied any more.
    fn settle_filters(&mut self) {
        let Self { registry, revoking, .. } = self;
        for (_, reply) in revoking.extract_if(.., |(filter, _)| !registry.is_unsubscribing(filter)) {
            // The caller may not wait for the answer.
            let _ = reply.send(false);
        }
        self.review_denied();
    }

    /// Asks the broker again for what it denies, when that is due.
    pub(super) fn ask_denied(&mut self, now: Instant) -> bool {
        let due = self.denied.comes_due(now);
        if due {
            self.registry.request_suspended(now);
        }
        due
    }

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { publish, waits, cost, reply } = accepted;
        let windowed = publish.qos != QoS::AtMostOnce;
        let waiter = Waiter { reply, cost, windowed };
        if let (Some(lost), false, false) = (&self.down, windowed, waits) {
            let error = MqttError::Down(lost.clone());
            return self.settle(waiter, Err(error));
        }
        if let Err((publish, waiter)) = self.outgoing.accept(publish, waiter, waits) {
            // The window is counted by permits, so this cannot happen; if it does, nobody is left waiting.
            let (in_flight, queued_bytes) = (self.outgoing.in_flight(), publish.payload.len());
            self.settle(waiter, Err(MqttError::Full { in_flight, queued_bytes }));
        }
    }

    /// A publish has come to its end.
    pub(super) fn settle(&mut self, waiter: Waiter, result: Result<(), MqttError>) {
        if result.is_err() {
            self.metrics.failed.one();
        }
        self.settled.0 += usize::from(waiter.windowed);
        self.settled.1 += waiter.cost as usize;
        // The publisher may not wait for it.
        let _ = waiter.reply.send(result.map_err(Box::new));
    }

    /// Gives the room of everything settled to those who wait for it.
    pub(super) fn give_back(&mut self) {
        let (window, bytes) = std::mem::take(&mut self.settled);
        if window + bytes > 0 {
            self.permits.give_back(window, bytes);
        }
        self.settle_filters();
        self.show();
    }

    /// A packet came in on the link.
    pub(super) fn handle(&mut self, packet: Incoming, now: Instant) -> Result<(), Lost> {
        match packet {
            Incoming::Publish { id, message, subscriptions } => {
                return self.message(id, message, &subscriptions, now);
            }
            Incoming::Oversize(oversize) => return self.oversize(oversize),
            Incoming::Ack { kind: AckKind::Release, id, .. } => self.incoming.release(id),
            Incoming::Ack { kind, id, code, reason } => match self.outgoing.acknowledge(kind, id, code) {
                Acked::Done(_, waiter) => {
                    self.metrics.acknowledged.one();
                    if let Some(took) = self.gauges.acknowledged(id, now) {
                        self.metrics.round_trip.record(took);
                    }
                    self.settle(waiter, Ok(()));
                }
                Acked::Refused(Publish { topic, .. }, waiter) => {
                    let reason = self.whom.reason(code, reason.as_deref());
                    self.gauges.forget();
                    self.settle(waiter, Err(MqttError::PublishRefused { topic, code, reason }));
                }
                Acked::Unfit(publish, waiter, why) => self.unfit(publish, waiter, why),
                Acked::Progress => {}
                Acked::Unsolicited => self.unsolicited("an acknowledgement", id),
            },
            Incoming::Subscribed { id, codes, reason } => match self.registry.on_suback(id, &codes, now) {
                Some(outcomes) => {
                    outcomes.into_iter().for_each(|outcome| self.answer(outcome, reason.as_deref(), now));
                    let left = self.registry.take_undelivered();
                    self.keep(left);
                }
                None if self.registry.is_late(id) => {}
                // Which filter an answer is for can no longer be told; the next link asks again.
                None if self.registry.awaits(id) => {
                    return Err(Lost::Unexpected("a SUBACK for another number of filters"));
                }
                None => self.unsolicited("SUBACK", id),
            },
            Incoming::Unsubscribed { id, codes } => return self.unsubscribed(id, &codes),
            Incoming::Pong => {}
            Incoming::Disconnect(reason) => {
                let text = self.whom.add_to(reason.code, reason.text);
                return Err(Lost::disconnected(Reason { text, ..reason }));
            }
            Incoming::Authentication => return Err(Lost::Authentication),
            Incoming::Welcome { .. } | Incoming::Refusal(_) => return Err(Lost::Unexpected("CONNACK")),
            Incoming::Unexpected(packet) => return Err(Lost::Unexpected(packet)),
        }
        Ok(())
    }

    /// UNSUBACK came; only in MQTT 5 it has codes.
    fn unsubscribed(&mut self, id: u16, codes: &[u8]) -> Result<(), Lost> {
        if !codes.is_empty() && self.registry.unsubscribe_size(id).is_some_and(|count| count != codes.len()) {
            return Err(Lost::Unexpected("an UNSUBACK for another number of filters"));
        }
        // Whatever it says, nobody here listens to that filter any more.
        if let Some(code) = codes.iter().find(|code| **code >= 0x80) {
            let why = Reason::describe(*code, None);
            self.logger.warn(format_args!("the broker refuses UNSUBSCRIBE: {why} (code {code:#04x})"));
        }
        if !self.registry.on_unsuback(id) && !self.registry.is_late(id) {
            self.unsolicited("UNSUBACK", id);
        }
        Ok(())
    }

    fn unsolicited(&self, what: &str, id: u16) {
        self.metrics.unsolicited.one();
        self.logger.debug(format_args!("{what} for packet id {id} belongs to nothing; ignored"));
    }

    /// Nothing can be done any more: everybody who waits is told why. Returns how many publishes were left.
    pub(super) fn fail(&mut self, reason: &MqttError) -> usize {
        self.intake.set_up(false);
        self.intake.close(reason.clone());
        self.take();
        self.permits.close();
        let left = self.outgoing.drain();
        self.revoking.clear();
        let count = left.len() + std::mem::take(&mut self.unsent);
        for (_, waiter) in left {
            self.settle(waiter, Err(reason.clone()));
        }
        count
    }

    /// Whether the broker has to be told to forget the session, which it would keep for a while otherwise.
    pub(super) fn forgets(&self) -> bool {
        let kept = self.limits.session_expiry.unwrap_or(self.settings.session_expiry);
        self.settings.clean_session && kept > 0
    }

    /// Whether everything accepted is sent and acknowledged, every message handled, and no filter left that nobody wants.
    pub(super) fn is_drained(&self) -> bool {
        self.outgoing.is_idle() && self.held.messages() == 0 && self.owed_filters() == 0
    }

    /// How many filters a broker that keeps the session would keep though nobody listens to them.
    pub(super) fn owed_filters(&self) -> usize {
        if self.settings.clean_session { 0 } else { self.registry.unsubscribe_count() }
    }
}
