//! Packets over the bytes of a link: decoded, encoded, and flushed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{Sink, SinkExt, Stream};
use tokio::time::{Instant, timeout};
use tokio_util::codec::{Encoder, Framed};

use super::handshake::Connected;
use super::publishing::Waiter;
use super::read_pause::ReadPause;
use super::settings::Settings;
use crate::mqtt::LinkError;
use crate::mqtt::protocol::{Incoming, PacketError, Protocol, Publish};
use crate::mqtt::transport::Transport;

/// How many encoded bytes may wait for the socket; beyond that nothing is encoded.
const HIGH_WATER: usize = 128 * 1024;

/// How many bytes are read at a time: after a pause in reading, and else.
const READ_AFTER_PAUSE: usize = 32 * 1024;
const READ: usize = 8 * 1024;

/// The packets of one link.
pub(super) struct PacketStream<P: Protocol, S> {
    framed: Framed<S, P::Codec>,
    /// How many bytes were encoded on this link.
    encoded: u64,
    /// Whether a flush has begun and is not complete. The write buffer may be empty meanwhile: TLS and WebSocket have buffers of
    /// their own.
    flushing: bool,
    /// Those who wait until their QoS 0 message is written, each with the value of `encoded` at its end.
    unwritten: VecDeque<(u64, Waiter)>,
    read_pause: ReadPause,
}

impl<P: Protocol, S: Transport> PacketStream<P, S> {
    /// Reading pauses for `max_read_pause` at a time where that pays.
    pub fn new(framed: Framed<S, P::Codec>, max_read_pause: Duration, now: Instant) -> Self {
        let read_pause = ReadPause::new(max_read_pause, now);
        Self { framed, encoded: 0, flushing: false, unwritten: VecDeque::new(), read_pause }
    }

    /// Reads a packet.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, LinkError>> {
        Pin::new(&mut self.framed).poll_next(cx).map(|read| match read {
            Some(Ok(packet)) => Ok(P::read(packet)),
            Some(Err(error)) => Err(error.into()),
            None => Err(LinkError::Ended),
        })
    }

    /// Counts the packets of a batch.
    pub fn count_read(&mut self, packets: u64) {
        self.read_pause.count(packets);
    }

    /// Returns until when nothing is to be read, if reading pauses now.
    pub fn read_paused_until(&self, now: Instant) -> Option<Instant> {
        self.read_pause.paused_until(now)
    }

    /// Pauses reading where that pays. To be called when everything there was has been read.
    pub fn pause_reading(&mut self, now: Instant) -> Result<(), LinkError> {
        let paused = self.read_pause.is_pausing();
        if !self.read_pause.pause(now) {
            if paused && self.framed.read_buffer().is_empty() {
                *self.framed.read_buffer_mut() = BytesMut::with_capacity(READ);
            }
            return Ok(());
        }
        if self.framed.get_mut().pause_notifications().map_err(|error| LinkError::io("reading", error))? {
            let buffer = self.framed.read_buffer_mut();
            // One that is larger was made for a large packet, which is not all there yet.
            if buffer.capacity() < READ_AFTER_PAUSE {
                buffer.reserve(READ_AFTER_PAUSE - buffer.len());
            }
        } else {
            self.read_pause.disable();
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn force_read_pauses(&mut self, now: Instant, length: Duration) {
        self.read_pause.force(now, length);
    }

    /// Returns how many bytes have come in.
    pub fn bytes_read(&self) -> u64 {
        self.framed.get_ref().moved().read
    }

    /// Returns how many bytes have gone out.
    pub fn bytes_written(&self) -> u64 {
        self.framed.get_ref().moved().written
    }

    /// Encodes a packet.
    pub fn encode(&mut self, packet: P::Packet) -> Result<(), LinkError> {
        self.put(packet)
    }

    /// Encodes a message of QoS 1 or 2.
    pub fn encode_publish(&mut self, publish: &Publish, id: u16, dup: bool) -> Result<(), LinkError> {
        self.put(P::publish(publish, id, dup))
    }

    /// Encodes a message of QoS 0, for whose bytes somebody waits.
    pub fn encode_qos_0(&mut self, publish: &Publish, waiter: Waiter) -> Result<(), LinkError> {
        self.unwritten.push_back((u64::MAX, waiter));
        self.put(P::publish(publish, 0, false))?;
        if let Some(last) = self.unwritten.back_mut() {
            last.0 = self.encoded;
        }
        Ok(())
    }

    fn put<I>(&mut self, item: I) -> Result<(), LinkError>
    where
        P::Codec: Encoder<I, Error = PacketError>,
    {
        let before = self.framed.write_buffer().len();
        // `poll_ready` would flush early; the high-water mark bounds the buffer instead.
        Pin::new(&mut self.framed).start_send(item).map_err(LinkError::from)?;
        self.encoded += (self.framed.write_buffer().len() - before) as u64;
        Ok(())
    }

    /// Returns how many encoded bytes wait for the socket.
    pub fn waiting_bytes(&self) -> usize {
        self.framed.write_buffer().len()
    }

    /// Whether more may be encoded.
    pub fn has_room(&self) -> bool {
        self.waiting_bytes() < HIGH_WATER
    }

    /// Lets an empty write buffer be filled from its start again. Else it would come to its end in the middle of a batch, and
    /// move what it has of that to the start: every byte would be copied once more. It grows by doubling and does not say how
    /// long it is.
    pub fn rewind(&mut self) {
        let buffer = self.framed.write_buffer_mut();
        if buffer.is_empty() {
            (0..6).any(|halvings| buffer.try_reclaim((2 * HIGH_WATER) >> halvings));
        }
    }

    /// Whether there is something to flush.
    pub fn needs_flush(&self) -> bool {
        self.waiting_bytes() > 0 || self.flushing
    }

    /// Flushes. Returns whether everything encoded is written.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkError> {
        let flushed = match Sink::<P::Packet>::poll_flush(Pin::new(&mut self.framed), cx) {
            Poll::Ready(Err(error)) => return Err(error.into()),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        self.flushing = !flushed;
        Ok(flushed)
    }

    /// Returns those whose QoS 0 message is written. Unless everything is flushed, a layer below may hold some bytes back.
    pub fn take_written(&mut self) -> impl Iterator<Item = Waiter> {
        let held_back = if self.flushing { self.framed.get_ref().max_buffered() } else { 0 };
        let written = (self.encoded - self.waiting_bytes() as u64).saturating_sub(held_back);
        std::iter::from_fn(move || {
            self.unwritten.front().filter(|(end, _)| *end <= written)?;
            self.unwritten.pop_front().map(|(_, waiter)| waiter)
        })
    }

    /// Whether somebody waits for a QoS 0 message to be written.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Returns those whose QoS 0 message will not be written.
    pub fn take_unwritten(&mut self) -> impl Iterator<Item = Waiter> + use<P, S> {
        std::mem::take(&mut self.unwritten).into_iter().map(|(_, waiter)| waiter)
    }

    /// Flushes within [`Settings::DISCONNECT_TIMEOUT`], if that goes.
    pub async fn flush(&mut self) {
        let _ = timeout(Settings::DISCONNECT_TIMEOUT, SinkExt::<P::Packet>::flush(&mut self.framed)).await;
    }

    /// Ends the stream in good order, after DISCONNECT.
    pub async fn close(self) {
        // The broker has our DISCONNECT or is gone; there is nothing to be done about either failure.
        let _ = timeout(Settings::DISCONNECT_TIMEOUT, Connected::<P, S>::shut_down(self.framed.into_inner()))
            .await;
    }
}
