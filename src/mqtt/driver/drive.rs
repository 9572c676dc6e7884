//! The work on one link: packets in, packets out, until it ends.
//!
//! Everything happens in one poll, in this order: take what was handed over, read a batch, encode a batch, write it with
//! one flush, look at the clocks. Nothing in it waits, so reading goes on while the socket takes no bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::codec::Framed;

use super::core::Core;
use super::keep_alive::{Due, KeepAlive};
use super::packet_stream::PacketStream;
use super::settings::Settings;
use super::trial::TrialGate;
use crate::mqtt::Lost;
use crate::mqtt::MqttError;
use crate::mqtt::protocol::{AckKind, Limits, Protocol};
use crate::mqtt::session::Transmit;
use crate::mqtt::subscriptions::{Control, Trial};
use crate::mqtt::transport::Transport;

/// How many packets are read before others get their turn.
const BATCH: u64 = 256;

/// How long listeners may take to finish what they have, where the link is not kept up for them: what is not acknowledged
/// comes again.
const MOMENT: Duration = Duration::from_millis(250);

/// How a link ended.
pub(super) enum End {
    Lost(Lost),
    /// Everything was drained and DISCONNECT is sent.
    Closed,
    /// The same, to replace the link by one to another broker.
    Left,
    /// The same, to replace the link by one to the same broker.
    Renewed,
}

/// Whether messages that listeners hold are waited for when the link is left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// The link is not being left.
    No,
    /// Not before all received messages are handled.
    Handled,
    /// As soon as everything sent is acknowledged: what is not handled comes again.
    Unhandled,
}

/// Drives one link.
pub(super) struct Drive<'a, P: Protocol, S> {
    stream: PacketStream<P, S>,
    core: &'a mut Core,
    settings: &'a Settings,
    limits: Limits,
    keep_alive: KeepAlive,
    timer: Pin<Box<Sleep>>,
    gate: TrialGate,
    /// When the link must be closed, once closing was asked for.
    deadline: Option<Instant>,
    /// Whether DISCONNECT is encoded; nothing follows it.
    disconnected: bool,
    leaving: Leaving,
}

impl<'a, P: Protocol, S: Transport> Drive<'a, P, S> {
    /// Takes over a link to a broker that permits what `limits` say.
    pub fn new(
        framed: Framed<S, P::Codec>,
        limits: Limits,
        core: &'a mut Core,
        settings: &'a Settings,
        now: Instant,
    ) -> Self {
        let seconds = limits.server_keep_alive.unwrap_or(settings.keep_alive);
        let keep_alive = Duration::from_secs(seconds.into());
        Self {
            stream: PacketStream::new(framed, settings.max_read_pause, now),
            core,
            settings,
            limits,
            keep_alive: KeepAlive::new(keep_alive, settings.write_timeout, now),
            timer: Box::pin(sleep_until(now)),
            gate: TrialGate::default(),
            deadline: None,
            disconnected: false,
            leaving: Leaving::No,
        }
    }

    /// Works until all subscriptions are restored. Only then the state may say that the link is up.
    pub async fn restore(&mut self) -> Result<(), End> {
        let end = std::future::poll_fn(|cx| match self.poll(cx) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            // Nobody waits for an UNSUBSCRIBE: some brokers never answer that.
            Poll::Pending if self.core.subscribing.is_restored() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match end.await {
            Some(end) => Err(end),
            None => {
                self.gate.restored(Instant::now());
                self.core.restored();
                Ok(())
            }
        }
    }

    /// Returns the filters that no messages come for.
    pub fn missing(&mut self) -> Arc<[Arc<str>]> {
        self.core.subscribing.missing()
    }

    /// Works until the link ends.
    pub async fn run(&mut self) -> End {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Sends nothing new, waits until everything sent is acknowledged and everything received is handled, and sends DISCONNECT.
    /// What is accepted meanwhile waits for the next link. When that takes longer than `limit`, the link goes on: `None`. A
    /// connection that is told to close meanwhile closes here.
    pub async fn leave(&mut self, limit: Duration) -> Option<End> {
        self.leave_as(Leaving::Handled, limit).await
    }

    /// Leaves the link for a new one to the same broker. Received messages may be held for long, and come again there: they are
    /// waited for a moment only.
    pub async fn renew(&mut self, limit: Duration) -> Option<End> {
        let mut end = self.leave_as(Leaving::Handled, limit.min(MOMENT)).await;
        if end.is_none() {
            end = self.leave_as(Leaving::Unhandled, limit).await;
        }
        end.map(|end| if matches!(end, End::Left) { End::Renewed } else { end })
    }

    async fn leave_as(&mut self, leaving: Leaving, limit: Duration) -> Option<End> {
        self.leaving = leaving;
        self.core.receiving.wake_when_handled(true);
        let end = timeout(limit, std::future::poll_fn(|cx| self.poll(cx))).await;
        self.core.receiving.wake_when_handled(false);
        // Told to close meanwhile, the connection ends for good. After DISCONNECT, what still waits needs another link.
        let left = std::mem::replace(&mut self.leaving, Leaving::No) != Leaving::No;
        match end {
            Ok(End::Closed) if left => Some(End::Left),
            Ok(end) => Some(end),
            // The broker has been told already.
            Err(_) if left && self.disconnected => Some(End::Left),
            Err(_) => None,
        }
    }

    /// Gives up a lost link. Those whose QoS 0 messages may not have been written are told.
    pub async fn abandon(mut self, reason: &Lost) {
        for waiter in self.stream.take_unwritten() {
            self.core.publishing.settle(waiter, Err(MqttError::Down(reason.clone())));
        }
        if self.disconnected || !reason.is_ours() {
            return;
        }
        self.acknowledge_last(reason).await;
        let complaint = P::complaint(reason).map_or(Ok(()), |complaint| self.stream.encode(complaint));
        // The link is given up in any case; whether the broker learns why is up to it.
        if complaint.is_ok() {
            self.stream.flush().await;
        }
    }

    /// Acknowledges what came before the packet that ends the link, as far as listeners have finished it, or do so within a
    /// moment. Else it would all come again, and with the same packet behind it for ever.
    async fn acknowledge_last(&mut self, reason: &Lost) {
        // In other cases listeners are behind, or what is missing may be due to them: they have had their time.
        let waits = matches!(
            reason,
            Lost::Protocol(_) | Lost::Unexpected(_) | Lost::BadTopic { .. } | Lost::TooLarge { .. }
        );
        if waits {
            self.core.until_handled(MOMENT).await;
        } else {
            self.core.take_inbox();
            self.core.give_back();
        }
        // Where there is more than may wait for the socket, the rest comes again.
        let _ = self.acknowledge();
    }

    /// Ends the stream in good order, after DISCONNECT.
    pub async fn finish(mut self) {
        // At the deadline of closing, QoS 0 messages may not be written.
        for waiter in self.stream.take_unwritten() {
            self.core.publishing.fail_unsent(waiter);
        }
        self.stream.close().await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.turn(cx) {
            Ok(ended) => {
                self.core.give_back();
                self.core.publish_missing();
                if ended { Poll::Ready(End::Closed) } else { Poll::Pending }
            }
            Err(lost) => Poll::Ready(End::Lost(lost)),
        }
    }

    /// Takes one turn. Returns whether the link is closed in good order.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        let now = Instant::now();
        self.deadline = self.core.poll_inbox(cx);
        if self.deadline.is_some() {
            self.core.receiving.close();
            // What waits for the next link goes out on this one; once DISCONNECT is sent it goes there after all.
            if !self.disconnected {
                self.leaving = Leaving::No;
            }
        }
        self.core.receiving.expire(now);
        let read_all = self.pauses_reading(now) || self.read(cx, now)?;
        let written = self.write(cx, now)?;
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if late && !self.disconnected {
            self.disconnect(self.forgets_session())?;
            self.write(cx, now)?;
        }
        if self.disconnected && (written || late) {
            return Ok(true);
        }
        self.look_at_clocks(cx, now)?;
        if !read_all {
            cx.waker().wake_by_ref();
        }
        Ok(false)
    }

    /// Encodes DISCONNECT; with `forget`, the broker is to forget the session.
    fn disconnect(&mut self, forget: bool) -> Result<(), Lost> {
        self.disconnected = true;
        self.stream.encode(P::disconnect(forget))
    }

    /// Whether the broker has to be told to forget the session, which it would keep for a while otherwise.
    fn forgets_session(&self) -> bool {
        let expiry = self.limits.session_expiry.unwrap_or(self.settings.session_expiry);
        self.settings.clean_session && expiry > 0
    }

    /// Whether nothing is to be read now, though there may be something. Not where what is read decides when the link ends.
    fn pauses_reading(&self, now: Instant) -> bool {
        self.gate.is_restored()
            && self.deadline.is_none()
            && self.leaving == Leaving::No
            && self.stream.read_paused_until(now).is_some()
    }

    /// Reads a batch. Returns false where there may be more.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Lost> {
        for count in 0..BATCH {
            match self.stream.poll_read(cx) {
                Poll::Ready(packet) => self.core.handle(packet?, now)?,
                Poll::Pending => {
                    self.keep_alive.read(self.stream.bytes_read(), now);
                    self.stream.count_read(count);
                    return self.stream.pause_reading(now).map(|()| true);
                }
            }
        }
        self.keep_alive.read(self.stream.bytes_read(), now);
        self.stream.count_read(BATCH);
        Ok(false)
    }

    /// Encodes and writes until there is nothing left or the socket takes no more. Returns whether nothing is left.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Lost> {
        loop {
            self.fill(now)?;
            if !self.stream.needs_flush() {
                return Ok(true);
            }
            let flushed = self.stream.poll_flush(cx)?;
            self.keep_alive.wrote(self.stream.bytes_written(), !flushed, now);
            for waiter in self.stream.take_written() {
                self.core.publishing.settle(waiter, Ok(()));
            }
            if !flushed {
                return Ok(false);
            }
        }
    }

    /// Encodes what there is to send.
    fn fill(&mut self, now: Instant) -> Result<(), Lost> {
        if self.disconnected {
            return Ok(());
        }
        self.acknowledge()?;
        if self.leaving != Leaving::No {
            return self.wind_up(now);
        }
        self.control(now)?;
        let trial = self.core.subscribing.trial();
        if self.gate.is_restored() && !self.gate.holds_messages(trial, now) {
            self.stream.rewind();
            let mut sent = 0;
            let published = self.publish(now, &mut sent);
            self.core.messages_sent(sent);
            published?;
            if self.gate.messages_sent(self.core.subscribing.trial(), now) && sent == 0 {
                self.control(now)?;
            }
        }
        if self.deadline.is_some() && self.core.is_drained() {
            // The last message may have been finished since the last look.
            self.core.take_inbox();
            self.acknowledge()?;
            if !self.core.receiving.has_acknowledgements() {
                self.disconnect(self.forgets_session())?;
            }
        }
        Ok(())
    }

    /// Encodes acknowledgements. Reading goes on while the socket takes nothing, so what is acknowledged meanwhile has a bound
    /// of its own.
    fn acknowledge(&mut self) -> Result<(), Lost> {
        while self.stream.has_room() {
            let Some((kind, id, code)) = self.core.receiving.next_acknowledgement() else { return Ok(()) };
            self.stream.encode(P::ack(kind, id, code))?;
        }
        if self.core.receiving.is_flooded() {
            return Err(Lost::Unexpected("more to answer than it has packet ids"));
        }
        Ok(())
    }

    /// Encodes SUBSCRIBE and UNSUBSCRIBE.
    fn control(&mut self, now: Instant) -> Result<(), Lost> {
        self.core.quarantine_filters(now);
        loop {
            let alone = self.core.subscribing.trial() == Trial::Waits && self.may_try(now);
            self.core.refuse_unsupported(&self.limits, alone, now);
            let Some((control, identifier)) = self.core.subscribing.next(alone, now) else { return Ok(()) };
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
            self.stream.encode(packet)?;
            self.core.subscribing.asked(self.is_alone());
            if self.core.subscribing.trial() == Trial::Out {
                self.gate.filter_sent(now);
            }
        }
    }

    fn may_try(&self, now: Instant) -> bool {
        self.gate.may_try(|| self.is_alone(), || self.core.publishing.is_idle(), now)
    }

    /// Whether no messages are in flight, so that SUBSCRIBE or UNSUBSCRIBE alone can be why the link ends.
    fn is_alone(&self) -> bool {
        !self.gate.is_restored() || (!self.stream.has_unwritten() && self.core.publishing.is_quiet())
    }

    /// Encodes messages, and counts them.
    fn publish(&mut self, now: Instant, sent: &mut u64) -> Result<(), Lost> {
        while self.stream.has_room() {
            let Some(transmit) = self.core.publishing.next::<P>(&self.limits, now) else { break };
            match transmit {
                Transmit::Unfit { publish, waiter, why } => {
                    self.core.publishing.fail_unfit(publish, waiter, why)
                }
                Transmit::Release { id } => self.release(id)?,
                Transmit::Publish { id, dup, publish } => {
                    self.stream.encode_publish(publish, id, dup)?;
                    self.core.publishing.sent(id, dup, now);
                    *sent += 1;
                }
                Transmit::Qos0 { publish, waiter } => {
                    *sent += 1;
                    self.stream.encode_qos_0(&publish, waiter)?;
                }
            }
        }
        Ok(())
    }

    /// Encodes PUBREL.
    fn release(&mut self, id: u16) -> Result<(), Lost> {
        let code = self.core.publishing.release_code(id);
        self.stream.encode(P::ack(AckKind::Release, id, code))
    }

    /// Encodes what still has to be sent before the link is left, and DISCONNECT when nothing is in flight any more.
    fn wind_up(&mut self, now: Instant) -> Result<(), Lost> {
        while let Some(id) = self.core.publishing.next_release() {
            self.release(id)?;
        }
        // The next broker may have another session, and this one would keep the filters for ever.
        if self.core.subscribing.filters_left() > 0 {
            self.control(now)?;
        }
        let Core { publishing, receiving, subscribing, .. } = &*self.core;
        let handled = self.leaving == Leaving::Unhandled || receiving.is_handled();
        let answered = !receiving.has_acknowledgements() && !subscribing.is_waiting();
        if publishing.is_quiet() && handled && answered && !self.stream.has_unwritten() {
            self.disconnect(false)?;
        }
        Ok(())
    }

    /// Does what is due, and sets the timer to when something is due next.
    fn look_at_clocks(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), Lost> {
        let answer = self.expire_answers(cx, now)?;
        if self.core.subscribing.ask_denied(now) {
            cx.waker().wake_by_ref();
        }
        if matches!(self.keep_alive.due(now), Due::Ping) && !self.disconnected {
            self.keep_alive.pinged(now);
            self.stream.encode(P::ping())?;
            self.write(cx, now)?;
        }
        let keep_alive = match self.keep_alive.due(now) {
            Due::Dead(lost) => return Err(lost),
            Due::Later(due) => due,
            Due::Ping => None,
        };
        let subscribing = &self.core.subscribing;
        // Nothing is asked for any more on a link that is being left.
        let asks = self.leaving == Leaving::No && !self.disconnected;
        let clocks = [
            keep_alive,
            answer,
            subscribing.quarantine_due().filter(|_| asks),
            self.gate.due(subscribing.trial(), now),
            self.deadline,
            self.core.receiving.due(),
            subscribing.denied_due(),
            self.stream.read_paused_until(now),
        ];
        if let Some(due) = clocks.into_iter().flatten().min() {
            self.wake_at(due, cx, now);
        }
        Ok(())
    }

    /// Has the task woken when something is due. The timer is only moved forward in time when it fires: re-arming it every turn
    /// would cost more than a turn now and then for nothing.
    fn wake_at(&mut self, due: Instant, cx: &mut Context<'_>, now: Instant) {
        if self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if due <= now {
                cx.waker().wake_by_ref();
                return;
            }
            self.timer.as_mut().reset(due);
        }
    }

    /// Gives up packets that were not answered in time. Returns when the next one is to be answered.
    fn expire_answers(&mut self, cx: &Context<'_>, now: Instant) -> Result<Option<Instant>, Lost> {
        let due = self.core.subscribing.answer_due();
        if due.is_none_or(|due| due > now) {
            return Ok(due);
        }
        let keep_alive = &self.keep_alive;
        self.core.expire_answers(|since| keep_alive.is_silent_since(since), now)?;
        // What is asked for in their place can be sent now.
        cx.waker().wake_by_ref();
        Ok(self.core.subscribing.answer_due())
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "clock_tests.rs"]
mod clock_tests;
