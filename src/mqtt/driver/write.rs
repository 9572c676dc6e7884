//! Writing: a batch is encoded, and goes out with one flush.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Sink;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tokio_util::codec::{Encoder, Framed};

use super::core::Core;
use super::drive::Drive;
use super::greet::protocol;
use crate::mqtt::Lost;
use crate::mqtt::protocol::{AckKind, Protocol};
use crate::mqtt::session::Transmit;
use crate::mqtt::subscriptions::Control;
use crate::mqtt::transport::Transport;

/// How many encoded bytes may wait for the socket; beyond that nothing is encoded.
const HIGH_WATER: usize = 128 * 1024;

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// Encodes and writes until there is nothing left or the socket takes no more; true if nothing is left.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Lost> {
        loop {
            let any = self.fill(now)?;
            let before = self.waiting_bytes();
            if before == 0 && !any && !self.flushing {
                return Ok(true);
            }
            let flushed = match Sink::<P::Packet>::poll_flush(Pin::new(&mut self.framed), cx) {
                Poll::Ready(Err(error)) => return Err(protocol(error)),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            self.flushing = !flushed;
            let left = self.waiting_bytes();
            self.alive.wrote(self.framed.get_ref().moved().written, !flushed, now);
            self.flushed(left);
            if !flushed {
                return Ok(false);
            }
        }
    }

    /// Encodes what there is to send; true if that was anything.
    fn fill(&mut self, now: Instant) -> Result<bool, Lost> {
        let before = self.encoded;
        if self.ended {
            return Ok(false);
        }
        self.acknowledge()?;
        if self.leaving {
            self.wind_up(now)?;
            return Ok(self.encoded > before);
        }
        self.control(now)?;
        if self.up {
            self.rewind();
            let mut sent = 0;
            let published = self.publish(now, &mut sent);
            self.core.metrics.sent.add(sent);
            published?;
        }
        if self.stop.is_some() && !self.ended && self.core.is_drained() {
            // The last message may have been finished since the last look.
            self.core.take();
            self.acknowledge()?;
            self.ended = true;
            self.encode(P::disconnect(self.core.settings.clean_session))?;
        }
        Ok(self.encoded > before)
    }

    /// Asks for filters, and takes filters back.
    pub(super) fn control(&mut self, now: Instant) -> Result<(), Lost> {
        self.core.refuse_filters(now);
        while let Some((control, identifier)) = self.core.registry.next(now) {
            let packet = match control {
                Control::Subscribe { id, filters } => P::subscribe(id, filters, identifier),
                Control::Unsubscribe { id, filters } => P::unsubscribe(id, filters),
            };
            self.encode(packet)?;
            self.asked = Some(now);
        }
        Ok(())
    }

    /// An empty buffer is filled from its start again. Else it would come to its end in the middle of a batch, and move what
    /// it has of that to the start: every byte would be copied once more. It grows by doubling and does not say how long it
    /// is.
    fn rewind(&mut self) {
        let buffer = self.framed.write_buffer_mut();
        if buffer.is_empty() {
            (0..6).any(|halvings| buffer.try_reclaim((2 * HIGH_WATER) >> halvings));
        }
    }

    /// Encodes messages, and counts them.
    fn publish(&mut self, now: Instant, sent: &mut u64) -> Result<(), Lost> {
        while self.waiting_bytes() < HIGH_WATER {
            let Core { outgoing, limits, .. } = &mut *self.core;
            let Some(transmit) = outgoing.next(|publish| limits.unfit::<P>(publish, now)) else { break };
            match transmit {
                Transmit::Unfit { publish, waiter, why } => self.core.unfit(publish, waiter, why),
                Transmit::Release { id } => {
                    let code = self.core.outgoing.release_code(id);
                    self.encode(P::ack(AckKind::Release, id, code))?;
                }
                Transmit::Publish { id, dup, publish } => {
                    put::<P, _, _>(&mut self.framed, &mut self.encoded, P::publish(publish, id, dup))?;
                    self.core.gauges.sent(id, now);
                    *sent += 1;
                    if dup {
                        self.core.metrics.redelivered.one();
                    }
                }
                Transmit::Plain { publish, waiter } => {
                    *sent += 1;
                    self.unflushed.push_back((u64::MAX, waiter));
                    put::<P, _, _>(&mut self.framed, &mut self.encoded, P::publish(&publish, 0, false))?;
                    if let Some(last) = self.unflushed.back_mut() {
                        last.0 = self.encoded;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn acknowledge(&mut self) -> Result<(), Lost> {
        while let Some((kind, id, code)) = self.core.incoming.next() {
            self.encode(P::ack(kind, id, code))?;
        }
        Ok(())
    }

    pub(super) fn encode(&mut self, packet: P::Packet) -> Result<(), Lost> {
        put::<P, _, _>(&mut self.framed, &mut self.encoded, packet)
    }

    fn flushed(&mut self, left: usize) {
        let written = self.encoded - left as u64;
        while self.unflushed.front().is_some_and(|(at, _)| *at <= written) {
            if let Some((_, waiter)) = self.unflushed.pop_front() {
                self.core.settle(waiter, Ok(()));
            }
        }
    }

    fn waiting_bytes(&mut self) -> usize {
        self.framed.write_buffer().len()
    }
}

/// Encodes a packet or a message, and counts its bytes.
fn put<P: Protocol, S: AsyncWrite + Unpin, I>(
    framed: &mut Framed<S, P::Codec>,
    encoded: &mut u64,
    item: I,
) -> Result<(), Lost>
where
    P::Codec: Encoder<I, Error = P::Error>,
{
    let before = framed.write_buffer().len();
    // `poll_ready` would flush early; the high-water mark bounds the buffer instead.
    Pin::new(&mut *framed).start_send(item).map_err(protocol)?;
    *encoded += (framed.write_buffer().len() - before) as u64;
    Ok(())
}
