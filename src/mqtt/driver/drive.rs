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
use super::writer::{Leaving, Writer};
use crate::mqtt::protocol::{Limits, Protocol};
use crate::mqtt::transport::Transport;
use crate::mqtt::{LinkError, MqttError};

/// How many packets are read before others get their turn.
const BATCH: u64 = 256;

/// How long listeners may take to finish what they have, where the link is not kept up for them: what is not acknowledged
/// comes again.
const LISTENER_GRACE: Duration = Duration::from_millis(250);

/// How a link ended.
pub(super) enum End {
    LinkError(LinkError),
    /// Everything was drained and DISCONNECT is sent.
    Closed,
    /// The same, to replace the link by one to another broker.
    Left,
    /// The same, to replace the link by one to the same broker.
    Renewed,
}

/// Drives one link.
pub(super) struct Drive<'a, P: Protocol, S> {
    stream: PacketStream<P, S>,
    core: &'a mut Core,
    writer: Writer,
    keep_alive: KeepAlive,
    timer: Pin<Box<Sleep>>,
    /// When the link must be closed, once closing was asked for.
    deadline: Option<Instant>,
}

impl<'a, P: Protocol, S: Transport> Drive<'a, P, S> {
    /// Takes over a link to a broker that permits what `limits` say.
    pub fn new(
        framed: Framed<S, P::Codec>,
        limits: Limits,
        core: &'a mut Core,
        settings: &Settings,
        now: Instant,
    ) -> Self {
        let seconds = limits.server_keep_alive.unwrap_or(settings.keep_alive);
        let keep_alive = Duration::from_secs(seconds.into());
        Self {
            stream: PacketStream::new(framed, settings.max_read_pause, now),
            core,
            writer: Writer::new(limits, settings),
            keep_alive: KeepAlive::new(keep_alive, settings.write_timeout, now),
            timer: Box::pin(sleep_until(now)),
            deadline: None,
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
                self.writer.restored(Instant::now());
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
    /// connection that closes meanwhile closes on this link.
    pub async fn leave(&mut self, limit: Duration) -> Option<End> {
        self.leave_as(Leaving::Handled, limit).await
    }

    /// Leaves the link for a new one to the same broker. Received messages may be held for long, and come again there: they are
    /// waited for a moment only.
    pub async fn renew(&mut self, limit: Duration) -> Option<End> {
        let mut end = self.leave_as(Leaving::Handled, limit.min(LISTENER_GRACE)).await;
        if end.is_none() {
            end = self.leave_as(Leaving::Unhandled, limit).await;
        }
        end.map(|end| if matches!(end, End::Left) { End::Renewed } else { end })
    }

    async fn leave_as(&mut self, leaving: Leaving, limit: Duration) -> Option<End> {
        self.writer.begin_leaving(leaving);
        self.core.receiving.wake_when_handled(true);
        let end = timeout(limit, std::future::poll_fn(|cx| self.poll(cx))).await;
        self.core.receiving.wake_when_handled(false);
        // Where it closes meanwhile, the connection ends for good. After DISCONNECT, what still waits needs another link.
        let left = self.writer.end_leaving();
        match end {
            Ok(End::Closed) if left => Some(End::Left),
            Ok(end) => Some(end),
            // DISCONNECT is sent already.
            Err(_) if left && self.writer.is_disconnected() => Some(End::Left),
            Err(_) => None,
        }
    }

    /// Gives up a lost link. QoS 0 messages that may not have been written fail.
    pub async fn abandon(mut self, reason: &LinkError) {
        for waiter in self.stream.take_unwritten() {
            self.core.publishing.settle(waiter, Err(MqttError::Down(reason.clone())));
        }
        if self.writer.is_disconnected() || !is_local(reason) {
            return;
        }
        self.acknowledge_last(reason).await;
        let disconnect =
            P::disconnect_for(reason).map_or(Ok(()), |disconnect| self.stream.encode(disconnect));
        // The link is given up in any case; whether the broker learns why is up to it.
        if disconnect.is_ok() {
            self.stream.flush().await;
        }
    }

    /// Acknowledges what came before the packet that ends the link, as far as listeners have finished it, or do so within a
    /// moment. Else it would all come again, and with the same packet behind it for ever.
    async fn acknowledge_last(&mut self, reason: &LinkError) {
        // In other cases listeners are behind, or what is missing may be due to them: they have had their time.
        let waits = matches!(
            reason,
            LinkError::Protocol(_)
                | LinkError::Unexpected(_)
                | LinkError::UnknownTopicAlias
                | LinkError::BadTopic { .. }
                | LinkError::TooLarge { .. }
        );
        if waits {
            self.core.until_handled(LISTENER_GRACE).await;
        } else {
            self.core.take_inbox();
            self.core.give_back();
        }
        // Where there is more than may wait for the socket, the rest comes again.
        let _ = Writer::acknowledge(&mut self.stream, self.core);
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
            Err(lost) => Poll::Ready(End::LinkError(lost)),
        }
    }

    /// Takes one turn. Returns whether the link is closed in good order.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkError> {
        let now = Instant::now();
        self.deadline = self.core.poll_inbox(cx);
        if self.deadline.is_some() {
            self.core.receiving.close();
            self.writer.close();
        }
        self.core.receiving.expire(now);
        let read_all = self.pauses_reading(now) || self.read(cx, now)?;
        let written = self.write(cx, now)?;
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if late && !self.writer.is_disconnected() {
            self.writer.disconnect(&mut self.stream)?;
            self.write(cx, now)?;
        }
        if self.writer.is_disconnected() && (written || late) {
            return Ok(true);
        }
        self.look_at_clocks(cx, now)?;
        if !read_all {
            cx.waker().wake_by_ref();
        }
        Ok(false)
    }

    /// Whether nothing is to be read now, though there may be something. Not where what is read decides when the link ends.
    fn pauses_reading(&self, now: Instant) -> bool {
        self.writer.is_steady() && self.stream.read_paused_until(now).is_some()
    }

    /// Reads a batch. Returns false where there may be more.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LinkError> {
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
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LinkError> {
        loop {
            self.writer.fill(&mut self.stream, self.core, now)?;
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

    /// Does what is due, and sets the timer to when something is due next.
    fn look_at_clocks(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), LinkError> {
        let answer = self.expire_answers(cx, now)?;
        if self.core.subscribing.ask_denied(now) {
            cx.waker().wake_by_ref();
        }
        if matches!(self.keep_alive.due(now), Due::Ping) && !self.writer.is_disconnected() {
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
        let quarantine = subscribing.quarantine_due().filter(|_| self.writer.asks());
        let clocks = [
            keep_alive,
            answer,
            quarantine,
            self.writer.due(subscribing.trial(), now),
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
    fn expire_answers(&mut self, cx: &Context<'_>, now: Instant) -> Result<Option<Instant>, LinkError> {
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

/// Whether this side ends the link, for what the broker has sent or not sent: it may still take bytes.
fn is_local(reason: &LinkError) -> bool {
    matches!(
        reason,
        LinkError::Protocol(_)
            | LinkError::Unexpected(_)
            | LinkError::UnknownTopicAlias
            | LinkError::Authentication
            | LinkError::BadTopic { .. }
            | LinkError::TooLarge { .. }
            | LinkError::Overflow { .. }
            | LinkError::Flooded { .. }
            | LinkError::NoAnswer { .. }
    )
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "clock_tests.rs"]
mod clock_tests;
