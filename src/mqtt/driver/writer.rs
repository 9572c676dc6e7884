//! What is sent next on a link: acknowledgements, SUBSCRIBE and UNSUBSCRIBE, messages, and DISCONNECT. Filters that may end the link
//! are sent alone, and take turns with messages.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use super::packet_stream::PacketStream;
use super::settings::Settings;
use crate::mqtt::LinkError;
use crate::mqtt::protocol::{AckKind, Limits, Protocol};
use crate::mqtt::session::Transmit;
use crate::mqtt::subscriptions::{Control, SuspectState};
use crate::mqtt::transport::Transport;

/// How a link is left for another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Not before everything sent is acknowledged and everything received is handled.
    Handled,
    /// As soon as everything sent is acknowledged: what is not handled comes again.
    Unhandled,
}

/// Encodes what there is to send on one link.
pub(super) struct Writer {
    limits: Limits,
    gate: TrialGate,
    /// Whether DISCONNECT has the broker forget the session, which it would keep for a while otherwise.
    forget_session: bool,
    /// Whether the connection closes: DISCONNECT follows when everything is sent and acknowledged.
    closing: bool,
    /// Set while the link is left for another one: nothing new is sent.
    leaving: Option<Leaving>,
    /// Whether DISCONNECT is encoded; nothing follows it.
    disconnected: bool,
}

impl Writer {
    /// Writes to a broker that permits what `limits` say.
    pub fn new(limits: Limits, settings: &Settings) -> Self {
        let expiry = limits.session_expiry.unwrap_or(settings.session_expiry);
        Self {
            forget_session: settings.clean_session && expiry > 0,
            limits,
            gate: TrialGate::default(),
            closing: false,
            leaving: None,
            disconnected: false,
        }
    }

    /// All subscriptions of the link are restored: messages may be sent.
    pub fn restored(&mut self, now: Instant) {
        self.gate.restored(now);
    }

    /// The connection closes. What waits for the next link is sent on this one; once DISCONNECT is encoded, it is sent there after
    /// all.
    pub fn close(&mut self) {
        self.closing = true;
        if !self.disconnected {
            self.leaving = None;
        }
    }

    /// Sends nothing new, and DISCONNECT when nothing is in flight any more.
    pub fn begin_leaving(&mut self, leaving: Leaving) {
        self.leaving = Some(leaving);
    }

    /// Goes on as before. Returns whether the link was left until now; closing ends that too.
    pub fn end_leaving(&mut self) -> bool {
        self.leaving.take().is_some()
    }

    /// Whether DISCONNECT is encoded.
    pub fn is_disconnected(&self) -> bool {
        self.disconnected
    }

    /// Whether the link goes on: it is restored, and neither closed nor left.
    pub fn is_steady(&self) -> bool {
        self.gate.is_restored() && !self.closing && self.leaving.is_none()
    }

    /// Whether filters are asked for.
    pub fn asks(&self) -> bool {
        self.leaving.is_none() && !self.disconnected
    }

    /// Returns when there may be more to send without anything else happening.
    pub fn due(&self, trial: SuspectState, now: Instant) -> Option<Instant> {
        self.gate.due(trial, now)
    }

    /// Encodes what there is to send.
    pub fn fill<P: Protocol, S: Transport>(
        &mut self,
        stream: &mut PacketStream<P, S>,
        core: &mut Core,
        now: Instant,
    ) -> Result<(), LinkError> {
        if self.disconnected {
            return Ok(());
        }
        Self::acknowledge(stream, core)?;
        if let Some(leaving) = self.leaving {
            return self.wind_up(leaving, stream, core, now);
        }
        self.control(stream, core, now)?;
        if self.gate.is_restored() && !self.gate.holds_messages(core.subscribing.trial(), now) {
            stream.rewind();
            let mut sent = 0;
            let published = self.publish(stream, core, now, &mut sent);
            core.messages_sent(sent);
            published?;
            if self.gate.messages_sent(core.subscribing.trial(), now) && sent == 0 {
                self.control(stream, core, now)?;
            }
        }
        if self.closing && core.is_drained() {
            // The last message may have been finished since the last look.
            core.take_inbox();
            Self::acknowledge(stream, core)?;
            if !core.receiving.has_acknowledgements() {
                self.disconnect(stream)?;
            }
        }
        Ok(())
    }

    /// Encodes DISCONNECT, as the connection closes.
    pub fn disconnect<P: Protocol, S: Transport>(
        &mut self,
        stream: &mut PacketStream<P, S>,
    ) -> Result<(), LinkError> {
        self.disconnected = true;
        stream.encode(P::disconnect(self.forget_session))
    }

    /// Encodes SUBSCRIBE and UNSUBSCRIBE.
    fn control<P: Protocol, S: Transport>(
        &mut self,
        stream: &mut PacketStream<P, S>,
        core: &mut Core,
        now: Instant,
    ) -> Result<(), LinkError> {
        core.quarantine_filters(now);
        loop {
            let waits = core.subscribing.trial() == SuspectState::Ready;
            let alone =
                waits && self.gate.may_try(|| self.is_alone(stream, core), || core.publishing.is_idle(), now);
            core.refuse_unsupported(&self.limits, alone, now);
            let Some((control, identifier)) = core.subscribing.next(alone, now) else { return Ok(()) };
            let packet = match control {
                Control::Subscribe { id, filters } => {
                    let fits = |identifier| match filters {
                        [(filter, _)] => self.limits.fitting(filter, identifier),
                        _ => None,
                    };
                    P::subscribe(id, filters, identifier.and_then(fits))
                }
                Control::Unsubscribe { id, filters } => P::unsubscribe(id, filters),
            };
            stream.encode(packet)?;
            core.subscribing.asked(self.is_alone(stream, core));
            if core.subscribing.trial() == SuspectState::InFlight {
                self.gate.filter_sent(now);
            }
        }
    }

    /// Whether no messages are in flight, so that SUBSCRIBE or UNSUBSCRIBE alone can be why the link ends.
    fn is_alone<P: Protocol, S: Transport>(&self, stream: &PacketStream<P, S>, core: &Core) -> bool {
        !self.gate.is_restored() || (!stream.has_unwritten() && core.publishing.is_quiet())
    }

    /// Encodes messages, and counts them.
    fn publish<P: Protocol, S: Transport>(
        &self,
        stream: &mut PacketStream<P, S>,
        core: &mut Core,
        now: Instant,
        sent: &mut u64,
    ) -> Result<(), LinkError> {
        while stream.has_room() {
            let Some(transmit) = core.publishing.next::<P>(&self.limits, now) else { break };
            match transmit {
                Transmit::Unfit { publish, waiter, why } => core.publishing.fail_unfit(publish, waiter, why),
                Transmit::Release { id } => release(id, stream, core)?,
                Transmit::Publish { id, dup, publish } => {
                    stream.encode_publish(publish, id, dup)?;
                    core.publishing.sent(id, dup, now);
                    *sent += 1;
                }
                Transmit::Qos0 { publish, waiter } => {
                    *sent += 1;
                    stream.encode_qos_0(&publish, waiter)?;
                }
            }
        }
        Ok(())
    }

    /// Encodes what still has to be sent before the link is left, and DISCONNECT when nothing is in flight any more.
    fn wind_up<P: Protocol, S: Transport>(
        &mut self,
        leaving: Leaving,
        stream: &mut PacketStream<P, S>,
        core: &mut Core,
        now: Instant,
    ) -> Result<(), LinkError> {
        while let Some(id) = core.publishing.next_release() {
            release(id, stream, core)?;
        }
        // The next broker may have another session, and this one would keep the filters for ever.
        if core.subscribing.filters_left() > 0 {
            self.control(stream, core, now)?;
        }
        let Core { publishing, receiving, subscribing, .. } = core;
        let handled = leaving == Leaving::Unhandled || receiving.is_handled();
        let answered = !receiving.has_acknowledgements() && !subscribing.is_waiting();
        if publishing.is_quiet() && handled && answered && !stream.has_unwritten() {
            self.disconnected = true;
            stream.encode(P::disconnect(false))?;
        }
        Ok(())
    }

    /// Encodes acknowledgements. Reading goes on while the socket takes nothing, so what is acknowledged meanwhile has a bound of
    /// its own.
    pub fn acknowledge<P: Protocol, S: Transport>(
        stream: &mut PacketStream<P, S>,
        core: &mut Core,
    ) -> Result<(), LinkError> {
        while stream.has_room() {
            let Some((kind, id, code)) = core.receiving.next_acknowledgement() else { return Ok(()) };
            stream.encode(P::ack(kind, id, code))?;
        }
        if core.receiving.is_flooded() {
            return Err(LinkError::Unexpected("more to answer than it has packet ids"));
        }
        Ok(())
    }
}

/// Encodes PUBREL.
fn release<P: Protocol, S: Transport>(
    id: u16,
    stream: &mut PacketStream<P, S>,
    core: &mut Core,
) -> Result<(), LinkError> {
    let code = core.publishing.release_code(id);
    stream.encode(P::ack(AckKind::Release, id, code))
}

/// How long messages go first on a new link, before they wait for filters that may end it.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long messages wait for such a filter at most, each: until everything before it is acknowledged, and until it is
/// answered. An answer may never come. Between two such filters messages have a turn: what waits goes out, up to what may wait
/// for the socket.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Lets messages and filters that may end the link take turns. Where there is no such filter, it is the turn of messages: those
/// in flight when one comes up are acknowledged first.
#[derive(Default)]
struct TrialGate {
    /// Since when all subscriptions are restored, so that messages may go out at all.
    restored: Option<Instant>,
    /// When such a filter was last sent.
    sent: Option<Instant>,
    /// Since when messages wait for the next one; none while it is their turn.
    waiting_since: Option<Instant>,
}

impl TrialGate {
    /// All subscriptions of the link are restored.
    fn restored(&mut self, now: Instant) {
        self.restored = Some(now);
    }

    /// Whether all subscriptions of the link are restored.
    fn is_restored(&self) -> bool {
        self.restored.is_some()
    }

    fn is_head_start(&self, now: Instant) -> bool {
        self.restored.is_none_or(|restored| now < restored + HEAD_START)
    }

    /// Whether a filter that may end the link can be sent. `alone` says that no message is in flight, `idle` that none waits to
    /// be sent either.
    fn may_try(&self, alone: impl FnOnce() -> bool, idle: impl FnOnce() -> bool, now: Instant) -> bool {
        if self.restored.is_none() {
            return false;
        }
        if self.is_head_start(now) {
            return alone() && idle();
        }
        self.waiting_since.is_some_and(|since| alone() || now >= since + LONGEST_WAIT)
    }

    /// A filter that may end the link was sent.
    fn filter_sent(&mut self, now: Instant) {
        (self.sent, self.waiting_since) = (Some(now), None);
    }

    /// Notes that the messages which may be sent now were encoded. Returns whether the next suspect filter may be sent after them.
    fn messages_sent(&mut self, trial: SuspectState, now: Instant) -> bool {
        if trial == SuspectState::None {
            (self.sent, self.waiting_since) = (None, None);
        }
        let ends = self.waiting_since.is_none() && trial == SuspectState::Ready && !self.is_head_start(now);
        if ends {
            self.waiting_since = Some(now);
        }
        ends
    }

    /// Whether messages wait for a filter.
    fn holds_messages(&self, trial: SuspectState, now: Instant) -> bool {
        match trial {
            SuspectState::None => false,
            SuspectState::InFlight => self.sent.is_some_and(|sent| now < sent + LONGEST_WAIT),
            SuspectState::Ready => self.waiting_since.is_some(),
        }
    }

    /// Returns when the answers of the other methods change by themselves.
    fn due(&self, trial: SuspectState, now: Instant) -> Option<Instant> {
        let head_start_ends = self.restored.map(|restored| restored + HEAD_START);
        let due = match trial {
            SuspectState::None => return None,
            SuspectState::InFlight => self.sent? + LONGEST_WAIT,
            SuspectState::Ready if now < head_start_ends? => head_start_ends?,
            SuspectState::Ready => self.waiting_since.or(head_start_ends)? + LONGEST_WAIT,
        };
        (due > now).then_some(due)
    }
}
