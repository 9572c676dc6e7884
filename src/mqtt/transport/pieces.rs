//! WebSocket messages in pieces: what comes is handed on as messages of a few kilobytes, however large the server's are.
//!
//! To MQTT the bounds of messages mean nothing. But the library above gives out whole messages only: it would hold one of
//! any size in memory, or end the link at its limit. So the frames of messages are read here, and each part that has come
//! goes on as a message of its own. Everything else goes on as it came, and the library judges it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are read at a time, at most: no piece is larger.
pub(super) const PIECE: usize = 16 * 1024;

/// Frames that carry data (RFC 6455 section 5.2).
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// The first byte of a frame that is the whole of a message.
const WHOLE: u8 = 0x80;

/// A stream of frames, whose data come in pieces.
pub(super) struct Pieces<S> {
    inner: S,
    /// Where it reads to.
    room: Box<[u8]>,
    /// What has come and was not looked at.
    raw: BytesMut,
    /// What goes on.
    ready: BytesMut,
    /// How much of a frame is still to come, and whether it goes on as it is.
    left: u64,
    verbatim: bool,
    /// The kind of a message that has begun in a frame before.
    begun: Option<u8>,
    /// How many bytes of messages have gone on.
    handed_on: u64,
    /// What is wrong behind all that goes on.
    wrong: Option<io::Error>,
}

impl<S> Pieces<S> {
    /// Frames from this stream; `heard` has been read from it already.
    pub fn new(inner: S, heard: &[u8]) -> Self {
        let room = vec![0; PIECE].into_boxed_slice();
        let (raw, ready) = (BytesMut::from(heard), BytesMut::new());
        Self { inner, room, raw, ready, left: 0, verbatim: false, begun: None, handed_on: 0, wrong: None }
    }

    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// How many bytes of messages have come so far. Pings and the like do not count.
    pub fn handed_on(&self) -> u64 {
        self.handed_on
    }

    /// Looks at all that has come, as far as that can be told apart.
    fn sort(&mut self) -> io::Result<()> {
        while self.left > 0 || self.header()? {
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.raw.len()).min(PIECE);
            if count == 0 && self.left > 0 {
                return Ok(());
            }
            self.left -= count as u64;
            let part = self.raw.split_to(count);
            if !self.verbatim && count > 0 {
                self.handed_on += count as u64;
                self.ready.put_u8(WHOLE | BINARY);
                match u8::try_from(count) {
                    Ok(count @ ..126) => self.ready.put_u8(count),
                    _ => {
                        self.ready.put_u8(126);
                        self.ready.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
                    }
                }
            }
            self.ready.extend_from_slice(&part);
        }
        Ok(())
    }

    /// Reads the header of the next frame; false while that is not whole.
    fn header(&mut self) -> io::Result<bool> {
        let [first, second, ..] = *self.raw else { return Ok(false) };
        let (masked, short) = (second & 0x80 != 0, second & 0x7f);
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = 2 + extended + if masked { 4 } else { 0 };
        if self.raw.len() < length {
            return Ok(false);
        }
        let mut head = self.raw.split_to(length);
        // Masks, reserved bits and unknown kinds are mistakes of the server.
        let kind = first & 0x0f;
        let odd = masked || first & 0x70 != 0 || kind > BINARY;
        let orphan = kind == CONTINUATION && self.begun.is_none();
        self.verbatim = odd || orphan;
        if self.verbatim {
            self.ready.extend_from_slice(&head);
        }
        head.advance(2);
        self.left = match extended {
            2 => head.get_u16().into(),
            8 => head.get_u64(),
            _ => short.into(),
        };
        if !self.verbatim {
            self.data(kind, first & WHOLE != 0)?;
        }
        Ok(true)
    }

    /// A frame of data has begun.
    fn data(&mut self, kind: u8, last: bool) -> io::Result<()> {
        let (kind, new) = match (kind, self.begun) {
            (CONTINUATION, Some(begun)) => (begun, false),
            (kind, None) => (kind, true),
            (_, Some(_)) => {
                let problem = "the server began a WebSocket message before the one before was whole";
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
        };
        self.begun = (!last).then_some(kind);
        if kind == TEXT && new {
            // What it says is of no interest: there must be none.
            self.ready.extend_from_slice(&[WHOLE | TEXT, 0]);
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pieces<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.wrong.is_none() {
                this.wrong = this.sort().err();
            }
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(count));
                return Poll::Ready(Ok(()));
            }
            // What was right before it has gone on.
            if let Some(wrong) = this.wrong.take() {
                return Poll::Ready(Err(wrong));
            }
            let mut read = ReadBuf::new(&mut this.room);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.raw.extend_from_slice(read.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pieces<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What goes on of these bytes, which come so many at a time, and how it ends.
    async fn sorted(bytes: &[u8], at_a_time: usize) -> (Vec<u8>, io::Result<usize>) {
        let (mut theirs, ours) = duplex(at_a_time);
        let mut pieces = Pieces::new(ours, &[]);
        let mut heard = Vec::new();
        let (end, ()) = tokio::join!(
            async {
                loop {
                    match pieces.read_buf(&mut heard).await {
                        Ok(1..) => {}
                        end => return end,
                    }
                }
            },
            async {
                // It may be given up in the middle.
                let _ = theirs.write_all(bytes).await;
                drop(theirs);
            }
        );
        (heard, end)
    }

    /// The payload of whole binary messages.
    fn payload(mut heard: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        while let [0x82, short, rest @ ..] = heard {
            let (count, rest) = match short {
                126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                short => (usize::from(*short), rest),
            };
            assert!(count <= PIECE);
            all.extend_from_slice(&rest[..count]);
            heard = &rest[count..];
        }
        assert!(heard.is_empty(), "{heard:?}");
        all
    }

    #[tokio::test]
    async fn messages_of_any_size_and_number_of_frames_come_in_pieces() {
        let body: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let mut bytes = vec![0x82, 3, 1, 2, 3, 0x02, 126, 0, 200];
        bytes.extend(&body[..200]);
        bytes.extend([0x00, 0, 0x80, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xa0]);
        bytes.extend(&body);
        let expected = [&[1, 2, 3], &body[..200], &body].concat();
        for at_a_time in [1, 7, 5_000, 1 << 20] {
            let (heard, end) = sorted(&bytes, at_a_time).await;
            assert!(payload(&heard) == expected && matches!(end, Ok(0)), "{at_a_time} at a time");
        }
    }

    #[tokio::test]
    async fn what_is_no_message_goes_on_as_it_came() {
        // Ping, close; a masked frame, a reserved bit, a reserved kind, a continuation of nothing.
        for frame in [
            &[0x89, 2, 1, 2][..],
            &[0x88, 2, 3, 0xe8],
            &[0x82, 0x81, 1, 2, 3, 4, 5],
            &[0xc2, 1, 1],
            &[0x83, 1, 1],
            &[0x80, 1, 1],
        ] {
            assert_eq!(sorted(frame, 1).await.0, frame);
        }
        // A ping between the frames of a message.
        let (heard, _) = sorted(&[0x02, 1, 7, 0x89, 0, 0x80, 1, 8], 100).await;
        assert_eq!(heard, [0x82, 1, 7, 0x89, 0, 0x82, 1, 8]);
        assert_eq!(sorted(&[0x81, 1, b'x'], 100).await.0[..2], [0x81, 0], "text is text");
    }

    #[tokio::test]
    async fn a_message_within_another_is_refused() {
        let (heard, end) = sorted(&[0x02, 1, 7, 0x82, 1, 8], 100).await;
        assert_eq!(heard, [0x82, 1, 7], "what came before goes on");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
