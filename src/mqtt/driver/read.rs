//! Reading: a batch at a time, and not at all while packets are to gather.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::Stream;
use tokio::time::Instant;

use super::drive::Drive;
use super::handshake::protocol;
use crate::mqtt::Lost;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::Transport;

/// How many packets are read before others get their turn.
const BATCH: u64 = 256;

/// How many bytes are read at a time: where they have gathered, and else.
const GATHERED: usize = 32 * 1024;
const SINGLE: usize = 8 * 1024;

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// Whether nothing is to be read now, though there may be something. Not where what is read decides when it ends.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.up.is_some() && self.stop.is_none() && !self.leaving && self.read_pause.until(now).is_some()
    }

    /// Reads a batch; false if there may be more.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Lost> {
        for count in 0..BATCH {
            match Pin::new(&mut self.framed).poll_next(cx) {
                Poll::Pending => {
                    self.alive.read(self.framed.get_ref().moved().read, now);
                    self.read_pause.count(count);
                    return self.rest(now).map(|()| true);
                }
                Poll::Ready(None) => return Err(Lost::Ended),
                Poll::Ready(Some(Err(error))) => return Err(protocol(error)),
                Poll::Ready(Some(Ok(packet))) => {
                    self.core.handle(P::read(packet), now)?;
                }
            }
        }
        self.alive.read(self.framed.get_ref().moved().read, now);
        self.read_pause.count(BATCH);
        Ok(false)
    }

    /// Everything was read: lets packets gather, where that pays.
    fn rest(&mut self, now: Instant) -> Result<(), Lost> {
        let rested = self.read_pause.is_resting();
        if !self.read_pause.rest(now) {
            if rested && self.framed.read_buffer().is_empty() {
                *self.framed.read_buffer_mut() = BytesMut::with_capacity(SINGLE);
            }
            return Ok(());
        }
        if self.framed.get_mut().rest().map_err(|error| Lost::io("reading", error))? {
            let buffer = self.framed.read_buffer_mut();
            // One that is larger was made for a large packet, which is not all there yet.
            if buffer.capacity() < GATHERED {
                buffer.reserve(GATHERED - buffer.len());
            }
        } else {
            self.read_pause.never();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::codec::Framed;

    use super::super::drive::End;
    use super::super::fuzz;
    use super::*;
    use crate::mqtt::protocol::V4;
    use crate::mqtt::transport::{Counted, Stream, Watched};

    /// Messages of QoS 1, one segment each; all are acknowledged before the next lot comes.
    async fn broker(mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        for lot in 0..20_u8 {
            for number in 0..50 {
                stream.write_all(&[0x32, 6, 0, 1, b't', lot, number + 1, b'x']).await.unwrap();
                tokio::task::yield_now().await;
            }
            for number in 0..50 {
                let mut answer = [0; 4];
                stream.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer, [0x40, 2, lot, number + 1]);
            }
        }
    }

    #[tokio::test]
    async fn a_link_that_rests_all_the_time_reads_and_acknowledges_everything_and_finds_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let mut core = fuzz::core(fuzz::settings("3.1.1", 0));
        let framed =
            Framed::new(Stream::Tcp(Counted::new(Watched::Yes(ours.unwrap()))), V4::codec(16_384, 0));
        let now = Instant::now();
        let mut drive = Drive::<V4, _>::new(framed, &mut core, now);
        drive.restore().await.map_err(|_| "it ended").unwrap();
        drive.read_pause.always(now, Duration::from_millis(1));
        let (end, ()) = tokio::join!(drive.run(), broker(theirs.unwrap().0));
        assert!(matches!(end, End::Lost(Lost::Ended)));
    }
}
