//! Subscriptions: what the broker is asked for, what it answers, and what it does not grant any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::denied::Denied;
use super::inbox::Inbox;
use super::outcomes::{Grant, Outcomes};
use super::refusal::RefusalText;
use super::settings::Settings;
use crate::log::Logger;
use crate::mqtt::delivery::{Acknowledger, DeliveryGuard};
use crate::mqtt::protocol::{Limits, Reason};
use crate::mqtt::session::SessionPresence;
use crate::mqtt::subscriptions::{
    AnswerTimeouts, Control, ListenerContext, Registry, SharedListener, SuspectState,
};
use crate::mqtt::topic::Filter;
use crate::mqtt::{LinkError, MqttError, MqttMessage, SubscribeOptions};
use crate::text::{clip, duration};

/// How many filters a log line names.
const MAX_NAMES: usize = 4;

/// Stands beside the reason of a refusal that the broker did not even have to send.
const ANNOUNCED: &str = "it said so when it admitted the client";

/// What became of an unsubscribe.
pub(super) enum Unsubscribed {
    /// A granted subscription has ended; nothing waits for it any more.
    Granted(Filter),
    /// A subscription ended before it was granted; these messages had come for it.
    Awaited(Vec<(MqttMessage, Arc<DeliveryGuard>)>),
    /// There was no such subscription.
    Unknown,
}

/// The subscriptions of a connection.
pub(super) struct Subscribing {
    settings: Arc<Settings>,
    inbox: Arc<Inbox>,
    logger: Logger,
    registry: Registry<Grant>,
    outcomes: Outcomes,
    /// Callers that wait until the broker has taken back a filter that nobody here has subscribed to.
    revoking: Vec<(Filter, oneshot::Sender<bool>)>,
    /// Whether nothing but the last SUBSCRIBE or UNSUBSCRIBE can be why the broker ends the link before it answers.
    asked_alone: bool,
}

impl Subscribing {
    /// How long an answer to UNSUBSCRIBE is awaited where SUBSCRIBE may take for ever: nothing is lost without one, but what is
    /// asked for after it waits.
    pub const UNSUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

    /// SUBSCRIBE and UNSUBSCRIBE use these packet ids.
    pub fn new(
        ids: std::ops::RangeInclusive<u16>,
        settings: Arc<Settings>,
        inbox: Arc<Inbox>,
        context: ListenerContext,
    ) -> Self {
        let (first, most) = (settings.reconnect_timeout, settings.max_reconnect_timeout);
        let (logger, denied) = (context.logger.clone(), Denied::new(inbox.denied().clone(), first, most));
        Self {
            outcomes: Outcomes::new(Arc::clone(&settings), denied, logger.clone()),
            logger,
            registry: Registry::new(ids, settings.max_filters.into(), context),
            revoking: Vec::new(),
            asked_alone: false,
            settings,
            inbox,
        }
    }

    /// Adds a subscription, or changes its options. Returns whether it is new.
    pub fn subscribe(
        &mut self,
        filter: &Filter,
        options: SubscribeOptions,
        listener: &SharedListener,
        reply: Grant,
    ) -> bool {
        let known = self.registry.has(filter, listener);
        if let Err((reply, why)) = self.registry.subscribe(filter, options, listener, reply) {
            // The subscriber may have gone; then nobody is left to be told.
            let _ = reply.send(Err(MqttError::Unsupported { what: "these subscription options", why }));
            return false;
        }
        !known
    }

    /// The subscriber does not wait for the grant any more.
    pub fn give_up(&mut self, filter: &Filter, listener: &SharedListener) {
        self.registry.give_up_on(filter, listener, Grant::is_closed);
    }

    /// Ends a subscription, and those who wait for its grant.
    pub fn unsubscribe(
        &mut self,
        filter: Filter,
        listener: &SharedListener,
        reply: oneshot::Sender<bool>,
    ) -> Unsubscribed {
        let waiters = self.registry.unsubscribe(&filter, listener);
        let left = self.registry.take_undelivered();
        // A persistent session may have filters of an earlier process.
        if waiters.is_none() && !self.settings.clean_session && self.registry.revoke(&filter) {
            self.revoking.push((filter, reply));
            return Unsubscribed::Unknown;
        }
        // The caller may not wait for the answer.
        let _ = reply.send(waiters.is_some());
        let Some(waiters) = waiters else { return Unsubscribed::Unknown };
        // Without waiters it was granted.
        if waiters.is_empty() {
            return Unsubscribed::Granted(filter);
        }
        let error = MqttError::Unsubscribed { filter: filter.as_str().into() };
        for waiter in waiters {
            let _ = waiter.send(Err(error.clone()));
        }
        Unsubscribed::Awaited(left)
    }

    /// Hands a message to the listeners of its topic; returns to how many. `named` are the identifiers of the subscriptions
    /// that the broker sends it for, where it names them.
    pub fn deliver(
        &mut self,
        message: MqttMessage,
        named: &[u32],
        receipt: &Arc<DeliveryGuard>,
        now: Instant,
    ) -> usize {
        self.registry.deliver(message, named, receipt, now)
    }

    /// Whether a listener gets the messages of this topic by another filter than this one.
    pub fn receives_by_other_filter(&self, listener: &SharedListener, filter: &Filter, topic: &str) -> bool {
        self.registry.receives_by_other_filter(listener, filter, topic)
    }

    /// Hands messages that were unclaimed to a new subscription.
    pub fn deliver_claimed(
        &mut self,
        claimed: Vec<(MqttMessage, Arc<DeliveryGuard>)>,
        filter: &Filter,
        listener: &SharedListener,
    ) {
        for (message, receipt) in claimed {
            self.registry.deliver_to(message, filter, listener, &receipt);
        }
    }

    /// Returns messages that waited for listeners whose subscriptions never came about.
    pub fn take_undelivered(&mut self) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        self.registry.take_undelivered()
    }

    /// Handles SUBACK. Returns false where it answers nothing.
    pub fn granted(
        &mut self,
        id: u16,
        codes: &[u8],
        reason: Option<&str>,
        now: Instant,
    ) -> Result<bool, LinkError> {
        match self.registry.on_suback(id, codes, now) {
            Some(outcomes) => self.outcomes.report(outcomes, &self.registry, reason, now),
            None if self.registry.is_late(id) => {}
            // Which filter an answer is for can no longer be told; the next link asks again.
            None if self.registry.awaits(id) => {
                return Err(LinkError::Unexpected("a SUBACK for another number of filters"));
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Handles UNSUBACK, which has codes in MQTT 5 only. Returns false where it answers nothing.
    pub fn revoked(&mut self, id: u16, codes: &[u8]) -> Result<bool, LinkError> {
        if !codes.is_empty() && self.registry.unsubscribe_size(id).is_some_and(|count| count != codes.len()) {
            return Err(LinkError::Unexpected("an UNSUBACK for another number of filters"));
        }
        // Whatever it says, nobody here listens to that filter any more.
        if let Some(code) = codes.iter().find(|code| **code >= 0x80) {
            let why = Reason::describe(*code, None);
            self.logger.warn(format_args!("the broker refuses UNSUBSCRIBE: {why} (code {code:#04x})"));
        }
        Ok(self.registry.on_unsuback(id) || self.registry.is_late(id))
    }

    /// Returns the next packet, and the identifier for its filter. With `alone`, a filter that may end the link can be sent.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Option<u32>)> {
        self.registry.next(alone, now)
    }

    /// Notes that a SUBSCRIBE or UNSUBSCRIBE was sent, and whether nothing else is in flight.
    pub fn asked(&mut self, alone: bool) {
        self.asked_alone = alone;
    }

    /// Notes that messages were sent, which may be why the broker ends the link.
    pub fn messages_sent(&mut self) {
        self.asked_alone = false;
    }

    /// Refuses filters that are in quarantine, since links have ended on them, and asks for those whose quarantine is over.
    pub fn quarantine(&mut self, now: Instant) {
        self.registry.release_poison(now);
        let outcomes = self.registry.refuse_poison();
        self.outcomes.report(outcomes, &self.registry, None, now);
    }

    /// Refuses unsupported filters of the next packet. With `alone`, a filter that may end the link can be sent.
    pub fn refuse_unsupported(&mut self, limits: &Limits, alone: bool, now: Instant) {
        let outcomes = self.registry.refuse_unsupported(limits, alone, now);
        self.outcomes.report(outcomes, &self.registry, Some(ANNOUNCED), now);
    }

    /// Asks the broker again for denied filters, when that is due. Returns whether it was.
    pub fn ask_denied(&mut self, now: Instant) -> bool {
        let due = self.outcomes.denied_come_due(now);
        if due {
            self.registry.request_suspended(now);
        }
        due
    }

    /// Answers those who wait for filters that the broker has taken back, and forgets what is not denied any more.
    pub fn settle(&mut self) {
        let Self { registry, revoking, .. } = self;
        for (_, reply) in revoking.extract_if(.., |(filter, _)| !registry.is_unsubscribing(filter)) {
            // The caller may not wait for the answer.
            let _ = reply.send(false);
        }
        if self.outcomes.review(&mut self.registry) {
            self.registry.request_suspended(Instant::now());
            self.inbox.wake();
        }
    }

    /// Draws conclusions about filters from the end of a link: they are asked for again with more care, or given up. Returns
    /// whether one was found for which the broker ends links.
    pub fn find_poison(&mut self, lost: &LinkError, now: Instant) -> bool {
        let unanswered = matches!(lost, LinkError::NoAnswer { .. });
        if !unanswered && !lost.may_be_caused_by_sent_packet() {
            self.registry.lost();
            return false;
        }
        let outcomes = self.registry.ended(self.asked_alone, lost, now);
        let found = !outcomes.is_empty() && !self.registry.ends_regardless();
        self.outcomes.report(outcomes, &self.registry, None, now);
        if self.has_suspects() {
            self.logger.warn(format_args!(
                "The link ended before the MQTT broker had answered what was asked about {}; on the next one that goes out after \
                 everything else, in smaller packets",
                names(self.registry.suspects())
            ));
        }
        found
    }

    fn has_suspects(&self) -> bool {
        self.registry.suspects().next().is_some()
    }

    /// Whether a filter may be why a link ended: it is not answered, or is a suspect already.
    pub fn explains_an_end(&self) -> bool {
        self.has_suspects() || self.registry.is_waiting()
    }

    /// Whether the search for a filter that ends links goes on. It does not where the broker ends links whatever it gets.
    pub fn is_searching(&self) -> bool {
        self.has_suspects() && !self.registry.ends_regardless()
    }

    /// Returns for how long answers to SUBSCRIBE and UNSUBSCRIBE are awaited.
    fn patience(&self) -> AnswerTimeouts {
        let configured = Some(self.settings.connect_timeout).filter(|limit| !limit.is_zero());
        AnswerTimeouts { subscribe: configured, unsubscribe: configured.unwrap_or(Self::UNSUBSCRIBE_TIMEOUT) }
    }

    /// Returns when the next answer is overdue.
    pub fn answer_due(&self) -> Option<Instant> {
        self.registry.answer_due(self.patience())
    }

    /// Gives up packets that were not answered in time. Where the broker has been `silent` since one was sent, the link is dead.
    pub fn expire(&mut self, silent: impl Fn(Instant) -> bool, now: Instant) -> Result<(), LinkError> {
        let patience = self.patience();
        let Some((since, filters)) = self.registry.overdue(patience, now) else { return Ok(()) };
        let limit = patience.subscribe.unwrap_or(patience.unsubscribe);
        let no_answer = LinkError::NoAnswer { what: "SUBSCRIBE", limit };
        if now >= since + limit && silent(since) {
            return Err(no_answer);
        }
        self.logger.warn(format_args!(
            "the MQTT broker has not answered what was asked about {} within {}",
            names(filters.iter()),
            duration(now - since)
        ));
        let outcomes = self.registry.expire(patience, now);
        self.outcomes.report(outcomes, &self.registry, None, now);
        // Something is overdue still: no packet id is left to ask with.
        if self.answer_due().is_some_and(|next| next <= now) { Err(no_answer) } else { Ok(()) }
    }

    /// Returns the filters that no messages come for.
    pub fn missing(&mut self) -> Arc<[Arc<str>]> {
        self.outcomes.missing()
    }

    /// Returns those filters where they have changed. While answers to many come in one by one, now and then is enough.
    pub fn changed_missing(&mut self) -> Option<Arc<[Arc<str>]>> {
        self.outcomes.changed_missing(self.registry.is_restored())
    }

    /// Forgets refusals: the next link may grant what this one did not.
    pub fn forget_refusals(&mut self) {
        self.outcomes.forget_refusals();
    }

    /// The link was left in good order.
    pub fn link_left(&mut self) {
        self.outcomes.forget_refusals();
        self.registry.lost();
    }

    /// Goes on over a new link.
    pub fn resume(
        &mut self,
        presence: SessionPresence,
        identifiers: bool,
        refusal: RefusalText,
        now: Instant,
    ) {
        self.outcomes.set_refusal(refusal);
        self.asked_alone = false;
        self.registry.resume(presence, identifiers, now);
    }

    /// Explains refusals by the broker of this link.
    pub fn refusal(&self) -> &RefusalText {
        self.outcomes.refusal()
    }

    /// Whether all subscriptions have been asked for and answered on this link.
    pub fn is_restored(&self) -> bool {
        self.registry.is_restored()
    }

    /// Whether the broker has something to answer.
    pub fn is_waiting(&self) -> bool {
        self.registry.is_waiting()
    }

    /// Returns how many filters a persistent session would keep though nobody listens to them.
    pub fn filters_left(&self) -> usize {
        if self.settings.clean_session { 0 } else { self.registry.unsubscribe_count() }
    }

    /// Returns how the trial of filters stands that may end the link.
    pub fn trial(&self) -> SuspectState {
        self.registry.probe()
    }

    /// Returns when refused filters are asked for again.
    pub fn denied_due(&self) -> Option<Instant> {
        self.outcomes.denied_due()
    }

    /// Returns when the next quarantine is over.
    pub fn quarantine_due(&self) -> Option<Instant> {
        self.registry.poison_due()
    }

    /// Lets go of those who wait until a filter is taken back, as the connection ends.
    pub fn fail_revoking(&mut self) {
        self.revoking.clear();
    }

    /// Ends all listeners.
    pub async fn end(&mut self) {
        self.registry.end().await;
    }
}

/// Names the first of these filters, and says how many there are beside them.
fn names<'a>(mut filters: impl Iterator<Item = &'a Filter>) -> String {
    let first = filters.by_ref().take(MAX_NAMES).map(|filter| format!("`{}`", clip(filter.as_str())));
    let text = first.collect::<Vec<_>>().join(", ");
    match filters.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
