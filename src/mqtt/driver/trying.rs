//! Filters that may end the link: when they are tried, what is held up meanwhile, and what is said of them.

use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use super::drive::Drive;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::subscriptions::{AnswerTimeouts, Cause, Probe};
use crate::mqtt::topic::Filter;
use crate::mqtt::transport::Transport;
use crate::mqtt::{Lost, MqttError};
use crate::text::clip;

/// How long messages go first on a new link, before they are held up for filters that may end it.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long messages are held up for such a filter at most, each: until everything before it is acknowledged, and until it
/// is answered. An answer may never come. Between two such filters messages have a turn: what waits goes out, up to what may
/// wait for the socket.
const HOLD: Duration = Duration::from_secs(1);

/// When messages are held up for filters that may end the link.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// When such a filter went out last.
    tried: Option<Instant>,
    /// It is the turn of messages, before the next one.
    turn: bool,
    /// Since when it is not.
    since: Option<Instant>,
}

impl Default for Held {
    /// Where no such filter is, it is the turn of messages: what is on its way when one comes up is brought to its end first.
    fn default() -> Self {
        Self { tried: None, turn: true, since: None }
    }
}

/// How long an answer to UNSUBSCRIBE is awaited where SUBSCRIBE may take for ever: nothing is lost without one, but what is
/// asked for after it waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How many filters a log line names.
const NAMED: usize = 4;

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// Whether nothing but control packets is on its way, so that they alone can be why the link ends.
    pub(super) fn is_alone(&self) -> bool {
        self.up.is_none() || (self.unflushed.is_empty() && self.core.outgoing.is_quiet())
    }

    /// Whether a filter that may end the link can go out now: nothing else is on its way, or that has taken too long.
    pub(super) fn may_try(&self, now: Instant) -> bool {
        let Some(up) = self.up else { return false };
        if now < up + HEAD_START {
            return self.is_alone() && self.core.outgoing.is_idle();
        }
        let since = self.held.since.unwrap_or(up + HEAD_START);
        !self.held.turn && (self.is_alone() || now >= since + HOLD)
    }

    /// A filter that may end the link goes out.
    pub(super) fn trial_begins(&mut self, now: Instant) {
        self.held = Held { tried: Some(now), turn: true, since: None };
    }

    /// Messages have had their turn; true if that ends it, so that the next filter can go out.
    pub(super) fn turn_ends(&mut self, now: Instant) -> bool {
        let probe = self.core.registry.probe();
        if probe == Probe::None {
            self.held = Held::default();
        }
        let head_start = self.up.is_none_or(|up| now < up + HEAD_START);
        let ends = self.held.turn && probe == Probe::Ready && !head_start;
        if ends {
            (self.held.turn, self.held.since) = (false, Some(now));
        }
        ends
    }

    /// Whether messages wait for such a filter.
    pub(super) fn is_held_up(&self, now: Instant) -> bool {
        match self.core.registry.probe() {
            Probe::None => false,
            Probe::InFlight => self.held.tried.is_some_and(|tried| now < tried + HOLD),
            Probe::Ready => !self.held.turn && self.up.is_none_or(|up| now >= up + HEAD_START),
        }
    }

    /// When it is to be looked at again what is held up.
    pub(super) fn trial_due(&self, now: Instant) -> Option<Instant> {
        let due = match self.core.registry.probe() {
            Probe::None => return None,
            Probe::InFlight => self.held.tried? + HOLD,
            Probe::Ready if now < self.up? + HEAD_START => self.up? + HEAD_START,
            Probe::Ready => self.held.since.unwrap_or(self.up? + HEAD_START) + HOLD,
        };
        (due > now).then_some(due)
    }

    /// Gives up SUBSCRIBE and UNSUBSCRIBE packets that were not answered in time. Where nothing at all was heard since one went
    /// out, the link is dead. Returns when to look again.
    pub(super) fn answer_due(&mut self, cx: &Context<'_>, now: Instant) -> Result<Option<Instant>, Lost> {
        let patience = self.core.patience();
        let Some(due) = self.core.registry.answer_due(patience).filter(|due| *due <= now) else {
            return Ok(self.core.registry.answer_due(patience));
        };
        let Some((since, filters)) = self.core.registry.overdue(patience, now) else { return Ok(Some(due)) };
        let dead = self.alive.is_silent_since(since);
        let limit = patience.subscribe.unwrap_or(patience.unsubscribe);
        if now < since + limit || !dead {
            self.core.logger.warn(format_args!(
                "the MQTT broker has not answered what was asked about {} within {} ms",
                names(filters.iter()),
                (now - since).as_millis()
            ));
            for outcome in self.core.registry.expire(patience, now) {
                self.core.answer(outcome, None, now);
            }
            let left = self.core.registry.take_undelivered();
            self.core.keep(left);
            // What is asked for in its place can go out now.
            cx.waker().wake_by_ref();
            let next = self.core.registry.answer_due(patience);
            if next.is_none_or(|next| next > now) {
                return Ok(next);
            }
        }
        Err(Lost::NoAnswer { what: "SUBSCRIBE", limit })
    }
}

impl Core {
    /// How long answers to SUBSCRIBE and UNSUBSCRIBE are awaited.
    fn patience(&self) -> AnswerTimeouts {
        let configured = Some(self.settings.connect_timeout).filter(|limit| !limit.is_zero());
        AnswerTimeouts { subscribe: configured, unsubscribe: configured.unwrap_or(PATIENCE) }
    }

    /// What the end of a link says about what was asked for; it is asked for again with more care, or given up.
    pub(super) fn blame_filters(&mut self, lost: &Lost, now: Instant) {
        let unanswered = matches!(lost, Lost::NoAnswer { .. });
        if !unanswered && !lost.may_be_an_answer() {
            return self.registry.lost();
        }
        let outcomes = self.registry.ended(self.asked_alone, lost, now);
        self.culprit |= !outcomes.is_empty() && !self.registry.is_hopeless();
        outcomes.into_iter().for_each(|outcome| self.answer(outcome, None, now));
        let left = self.registry.take_undelivered();
        self.keep(left);
        if self.registry.suspects().next().is_some() {
            self.logger.warn(format_args!(
                "The link ended before the MQTT broker had answered what was asked about {}; on the next one that goes out after \
                 everything else, in smaller packets",
                names(self.registry.suspects())
            ));
        }
    }

    /// Whether something that was sent may be why a link ended: it is unanswered, or under suspicion already.
    pub(super) fn explains_an_end(&self) -> bool {
        let suspect = self.outgoing.is_searching() || self.registry.suspects().next().is_some();
        suspect || self.registry.is_waiting() || !self.outgoing.is_quiet()
    }

    /// Whether the next links are to show what ends them, soon. A broker that ends links whatever it gets is left in peace.
    pub(super) fn is_searching(&self) -> bool {
        let filters = self.registry.suspects().next().is_some() && !self.registry.is_hopeless();
        filters || (self.outgoing.is_searching() && !self.outgoing.is_hopeless())
    }

    /// Why a filter is not asked for any more, or not for a while.
    pub(super) fn poisoned(&self, filter: &Filter) -> Option<(MqttError, Duration)> {
        let (cause, wait) = self.registry.cause(filter)?;
        let name = filter.as_str().into();
        let error = match cause {
            Cause::EndsLinks { links, last } => MqttError::SubscribeEndsLinks { filter: name, links, last },
            Cause::Unanswered(limit) => MqttError::SubscribeUnanswered { filter: name, limit },
        };
        Some((error, wait))
    }

    /// Filters that the broker cannot be told to take back.
    pub(super) fn not_taken_back(&self, filter: &Filter) {
        self.logger.warn(format_args!(
            "the MQTT broker does not answer UNSUBSCRIBE of `{}`, or ends the link for it; it counts as done",
            clip(filter.as_str())
        ));
    }

    /// Those who still wait for a filter of which the broker says nothing.
    pub(super) fn unanswered(&self, filter: &Filter) -> MqttError {
        MqttError::SubscribeUnanswered {
            filter: filter.as_str().into(),
            limit: self.settings.connect_timeout,
        }
    }
}

/// The first of these filters, and how many there are beside them.
pub(super) fn names<'a>(filters: impl Iterator<Item = &'a Filter>) -> String {
    let mut filters = filters;
    let mut text = String::new();
    for filter in filters.by_ref().take(NAMED) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&format!("`{}`", clip(filter.as_str())));
    }
    match filters.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
