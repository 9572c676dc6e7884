//! The life of one link: packets in, packets out, until it ends.
//!
//! Everything happens in one poll, in this order: take what was handed over, read a batch, encode a batch, write it with
//! one flush. Nothing in it waits, so reading goes on while the socket takes no bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::codec::Framed;

use super::core::{Core, Waiter};
use super::keep_alive::KeepAlive;
use super::read_pause::ReadPause;
use super::trial::Held;
use crate::connect::Endpoint;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::Transport;
use crate::mqtt::{Lost, MqttError};
use crate::text::clip;

/// How long the broker may take to close the stream after DISCONNECT.
pub(super) const GOOD_BYE: Duration = Duration::from_millis(500);

/// How a link ended.
pub(super) enum End {
    Lost(Lost),
    /// Everything was drained and DISCONNECT is out.
    Closed,
    /// The same, for a link to a better broker.
    Left,
    /// The same, for a new link to the same one.
    Renewed,
}

pub(super) struct Drive<'a, P: Protocol, S> {
    pub(super) framed: Framed<S, P::Codec>,
    pub(super) core: &'a mut Core,
    pub(super) alive: KeepAlive,
    pub(super) read_pause: ReadPause,
    pub(super) timer: Pin<Box<Sleep>>,
    /// Since when all subscriptions are back; publishing begins then.
    pub(super) up: Option<Instant>,
    /// What messages are held up for.
    pub(super) held: Held,
    /// When the link must be closed.
    pub(super) stop: Option<Instant>,
    /// DISCONNECT is encoded; nothing follows it.
    pub(super) ended: bool,
    /// Nothing new goes out: the link is to be left for another one.
    pub(super) leaving: bool,
    /// Leaving does not wait until what was received is handled: it comes again.
    pub(super) hasty: bool,
    /// Bytes that are no longer ours may still wait in the stream: TLS and WebSocket hold some back.
    pub(super) flushing: bool,
    /// All bytes ever encoded.
    pub(super) encoded: u64,
    /// QoS 0 messages that resolve when everything up to here is written.
    pub(super) unflushed: VecDeque<(u64, Waiter)>,
}

impl<'a, P: Protocol, S: Transport> Drive<'a, P, S> {
    pub(super) fn new(framed: Framed<S, P::Codec>, core: &'a mut Core, now: Instant) -> Self {
        let settings = &core.settings;
        let seconds = core.limits.server_keep_alive.unwrap_or(settings.keep_alive);
        let keep_alive = Duration::from_secs(seconds.into());
        let alive = KeepAlive::new(keep_alive, settings.write_timeout, now);
        let read_pause = ReadPause::new(settings.max_read_pause, now);
        Self {
            framed,
            core,
            alive,
            read_pause,
            timer: Box::pin(sleep_until(now)),
            up: None,
            held: Held::default(),
            stop: None,
            ended: false,
            leaving: false,
            hasty: false,
            flushing: false,
            encoded: 0,
            unflushed: VecDeque::new(),
        }
    }

    /// Works until all subscriptions are back; only then the state may say that the link is up.
    pub(super) async fn restore(&mut self) -> Result<(), End> {
        let end = std::future::poll_fn(|cx| match self.poll(cx) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            // What is taken back holds up nobody: some brokers never answer that.
            Poll::Pending if self.core.registry.is_restored() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match end.await {
            Some(end) => Err(end),
            None => {
                self.up = Some(Instant::now());
                self.core.down = None;
                self.core.inbox.set_up(true);
                Ok(())
            }
        }
    }

    pub(super) fn say_connected(&self, endpoint: &Endpoint) {
        let endpoint = endpoint.to_string();
        self.core.logger.info(format_args!("Connected to MQTT broker at {}", clip(&endpoint)));
    }

    /// Works until the link ends.
    pub(super) async fn run(&mut self) -> End {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// QoS 0 messages that were encoded and perhaps not written go with the link.
    pub(super) async fn abandon(mut self, reason: &Lost) {
        for (_, waiter) in std::mem::take(&mut self.unflushed) {
            self.core.settle(waiter, Err(MqttError::Down(reason.clone())));
        }
        if self.ended || !reason.is_ours() {
            return;
        }
        self.acknowledge_last(reason).await;
        let complaint = P::complaint(reason).map_or(Ok(()), |complaint| self.encode(complaint));
        // The link is given up in any case; whether the broker learns why is up to it.
        if complaint.is_ok() {
            let _ = timeout(GOOD_BYE, futures_util::SinkExt::<P::Packet>::flush(&mut self.framed)).await;
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.turn(cx) {
            Ok(ended) => {
                self.core.give_back();
                self.core.tell_missing();
                if ended { Poll::Ready(End::Closed) } else { Poll::Pending }
            }
            Err(lost) => Poll::Ready(End::Lost(lost)),
        }
    }

    /// One turn; true when the link is closed in good order.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        let now = Instant::now();
        self.core.inbox.register(cx.waker());
        self.stop = self.core.take();
        if self.stop.is_some() && !self.core.closing {
            self.core.close();
        }
        // What waits for the better link goes out on this one; once good-bye is said it goes there after all.
        self.leaving &= self.stop.is_none() || self.ended;
        self.core.expire(now);
        let read_all = self.rests(now) || self.read(cx, now)?;
        let written = self.write(cx, now)?;
        let late = self.stop.is_some_and(|stop| now >= stop);
        if late && !self.ended {
            self.ended = true;
            self.encode(P::disconnect(self.core.forgets()))?;
            self.write(cx, now)?;
        }
        if self.ended && (written || late) {
            return Ok(true);
        }
        self.tick(cx, now)?;
        if !read_all {
            cx.waker().wake_by_ref();
        }
        Ok(false)
    }

    /// Ends the stream in good order: after DISCONNECT the broker closes it, and until then bytes that it still sends are
    /// read, since a socket closed over unread bytes is reset and DISCONNECT may be lost.
    pub(super) async fn finish(mut self) {
        // At its deadline the end does not wait for them.
        for (_, waiter) in std::mem::take(&mut self.unflushed) {
            self.core.unsent += 1;
            self.core.settle(waiter, Err(MqttError::Closed));
        }
        let mut stream = self.framed.into_inner();
        let rest = async {
            stream.shutdown().await?;
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        // The broker has our DISCONNECT or is gone; there is nothing to be done about either failure.
        let _ = timeout(GOOD_BYE, rest).await;
    }
}
