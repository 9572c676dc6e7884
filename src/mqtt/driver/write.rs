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
use crate::mqtt::protocol::{AckKind, PacketError, Protocol};
use crate::mqtt::session::Transmit;
use crate::mqtt::subscriptions::{Control, Probe};
use crate::mqtt::transport::Transport;

/// How many encoded bytes may wait for the socket; beyond that nothing is encoded.
const HIGH_WATER: usize = 128 * 1024;

/// How many answers may wait for the socket. A broker has 65,535 packet ids, and each takes one answer at a time.
const MOST_ANSWERS: usize = 2 * u16::MAX as usize;

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
            self.flushed(left, flushed);
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
        if self.up.is_some() && !self.is_held_up(now) {
            self.rewind();
            let mut sent = 0;
            let published = self.publish(now, &mut sent);
            self.core.asked_alone &= sent == 0;
            self.core.metrics.sent.add(sent);
            published?;
            if self.turn_ends(now) && sent == 0 {
                self.control(now)?;
            }
        }
        if self.stop.is_some() && !self.ended && self.core.is_drained() {
            // The last message may have been finished since the last look.
            self.core.take();
            self.acknowledge()?;
            if self.core.incoming.answers() == 0 {
                self.ended = true;
                self.encode(P::disconnect(self.core.forgets()))?;
            }
        }
        Ok(self.encoded > before)
    }

    /// Asks for filters, and takes filters back.
    pub(super) fn control(&mut self, now: Instant) -> Result<(), Lost> {
        self.core.rest_filters(now);
        loop {
            let tries = self.core.registry.probe() == Probe::Ready && self.may_try(now);
            self.core.refuse_filters(tries, now);
            let Core { registry, limits, .. } = &mut *self.core;
            let Some((control, identifier)) = registry.next(tries, now) else { return Ok(()) };
            let packet = match control {
                Control::Subscribe { id, filters } => {
                    let fits = |identifier| match filters {
                        [(filter, _)] => limits.fitting(filter, identifier),
                        _ => None,
                    };
                    P::subscribe(id, filters, identifier.and_then(fits))
                }
                Control::Unsubscribe { id, filters } => P::unsubscribe(id, filters),
            };
            self.encode(packet)?;
            self.core.asked_alone = self.is_alone();
            if self.core.registry.probe() == Probe::InFlight {
                self.trial_begins(now);
            }
        }
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
            let Some(transmit) = outgoing.next(|publish| limits.unfit(publish, P::publish_size, now)) else {
                break;
            };
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

    /// Reading goes on while the socket takes nothing, so what is answered meanwhile has a bound of its own.
    pub(super) fn acknowledge(&mut self) -> Result<(), Lost> {
        while self.waiting_bytes() < HIGH_WATER {
            let Some((kind, id, code)) = self.core.incoming.next() else { return Ok(()) };
            self.encode(P::ack(kind, id, code))?;
        }
        if self.core.incoming.answers() > MOST_ANSWERS {
            return Err(Lost::Unexpected("more to answer than it has packet ids"));
        }
        Ok(())
    }

    pub(super) fn encode(&mut self, packet: P::Packet) -> Result<(), Lost> {
        put::<P, _, _>(&mut self.framed, &mut self.encoded, packet)
    }

    /// So many bytes are left here; unless all is flushed, a layer below may hold some more.
    fn flushed(&mut self, left: usize, all: bool) {
        let held = if all { 0 } else { self.framed.get_ref().max_buffered() };
        let written = (self.encoded - left as u64).saturating_sub(held);
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
    P::Codec: Encoder<I, Error = PacketError>,
{
    let before = framed.write_buffer().len();
    // `poll_ready` would flush early; the high-water mark bounds the buffer instead.
    Pin::new(&mut *framed).start_send(item).map_err(protocol)?;
    *encoded += (framed.write_buffer().len() - before) as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncRead, AsyncReadExt, DuplexStream, ReadBuf, duplex};
    use tokio::sync::oneshot;

    use super::super::{Accepted, Command, fuzz};
    use super::*;
    use crate::mqtt::QoS;
    use crate::mqtt::protocol::{Publish, V4};
    use crate::mqtt::transport::{Counted, Moved};

    /// Takes everything, and passes it on when it is flushed, as far as that goes.
    struct Layer(Counted<DuplexStream>, Vec<u8>);

    impl Transport for Layer {
        fn max_buffered(&self) -> u64 {
            100
        }

        fn moved(&self) -> Moved {
            self.0.moved()
        }
    }

    impl AsyncRead for Layer {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Layer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.1.extend(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let Self(below, held) = &mut *self;
            while !held.is_empty() {
                let written = std::task::ready!(Pin::new(&mut *below).poll_write(cx, held))?;
                held.drain(..written);
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn a_message_of_qos_0_is_written_when_no_layer_holds_it_back() {
        let mut core = fuzz::core(fuzz::settings("3.1.1", 0));
        let (reply, mut answer) = oneshot::channel();
        let (topic, payload) = ("t".into(), "payload".into());
        let publish = Publish { topic, payload, qos: QoS::AtMostOnce, retain: false, extra: None };
        let accepted = Accepted { publish, waits: true, cost: 1, reply };
        core.intake.push(Command::Publish(accepted)).unwrap();
        let (ours, mut theirs) = duplex(4);
        let framed = Framed::new(Layer(Counted::new(ours), Vec::new()), V4::codec(4096, 0));
        let mut drive = Drive::<V4, _>::new(framed, &mut core, Instant::now());
        drive.restore().await.map_err(|_| "it ended").unwrap();
        assert!(futures_util::poll!(std::pin::pin!(drive.run())).is_pending());
        assert!(answer.try_recv().is_err(), "most of it is still here");
        let mut rest = [0; 12];
        tokio::select! {
            _ = drive.run() => unreachable!("nothing ends it"),
            read = theirs.read_exact(&mut rest) => assert_eq!(read.unwrap(), 12),
        }
        assert!(futures_util::poll!(std::pin::pin!(drive.run())).is_pending());
        assert!(answer.try_recv().unwrap().is_ok());
    }
}
