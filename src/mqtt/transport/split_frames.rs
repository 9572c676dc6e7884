//! Splits WebSocket messages: however large those of the server are, messages of a few kilobytes are passed on.
//!
//! To MQTT the bounds of messages mean nothing. But tungstenite gives out whole messages only: it would have one of any size in
//! memory, or end the link at its limit. So the frames of messages are read here, and the bytes of a message that have come are
//! passed on as a message of their own. All other frames are passed on unchanged, for tungstenite to judge.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Frames that carry data (RFC 6455 section 5.2).
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// The first byte of a frame that is the whole of a message.
const WHOLE: u8 = 0x80;

/// A stream of frames in which no message is larger than [`SplitFrames::MAX_MESSAGE`].
pub(super) struct SplitFrames<S> {
    inner: S,
    /// The buffer of one read.
    read_buffer: Box<[u8]>,
    /// Bytes that have come and have not been looked at.
    raw: BytesMut,
    /// Frames that are passed on.
    ready: BytesMut,
    /// How many bytes of the current frame are still to come.
    left: u64,
    /// Whether the current frame is passed on unchanged.
    verbatim: bool,
    /// The kind of a message that has begun in an earlier frame.
    begun: Option<u8>,
    /// How many bytes of messages have been passed on.
    passed_on: u64,
    /// The error that follows the frames in `ready`.
    error: Option<io::Error>,
}

impl<S> SplitFrames<S> {
    /// The largest message that is passed on, in bytes.
    pub const MAX_MESSAGE: usize = 16 * 1024;

    /// Reads frames from this stream; `heard` has been read from it already.
    pub fn new(inner: S, heard: &[u8]) -> Self {
        let read_buffer = vec![0; Self::MAX_MESSAGE].into_boxed_slice();
        let (raw, ready) = (BytesMut::from(heard), BytesMut::new());
        Self {
            inner,
            read_buffer,
            raw,
            ready,
            left: 0,
            verbatim: false,
            begun: None,
            passed_on: 0,
            error: None,
        }
    }

    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// How many bytes of messages have come so far, without pings and other control frames.
    pub fn passed_on(&self) -> u64 {
        self.passed_on
    }

    /// Splits the frames that have come, as far as they have.
    fn split(&mut self) -> io::Result<()> {
        while self.left > 0 || self.header()? {
            let count =
                usize::try_from(self.left).unwrap_or(usize::MAX).min(self.raw.len()).min(Self::MAX_MESSAGE);
            if count == 0 && self.left > 0 {
                return Ok(());
            }
            self.left -= count as u64;
            let bytes = self.raw.split_to(count);
            if !self.verbatim && count > 0 {
                self.passed_on += count as u64;
                self.ready.put_u8(WHOLE | BINARY);
                match u8::try_from(count) {
                    Ok(count @ ..126) => self.ready.put_u8(count),
                    _ => {
                        self.ready.put_u8(126);
                        self.ready.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
                    }
                }
            }
            self.ready.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// Reads the header of the next frame; false while that has not come whole.
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
        let invalid = masked || first & 0x70 != 0 || kind > BINARY;
        let orphan = kind == CONTINUATION && self.begun.is_none();
        self.verbatim = invalid || orphan;
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
            self.begin_data(kind, first & WHOLE != 0)?;
        }
        Ok(true)
    }

    /// Begins with a frame of data.
    fn begin_data(&mut self, kind: u8, last: bool) -> io::Result<()> {
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
            // MQTT is binary: an empty text message is enough for the link to be ended.
            self.ready.extend_from_slice(&[WHOLE | TEXT, 0]);
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SplitFrames<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.error.is_none() {
                this.error = this.split().err();
            }
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(count));
                return Poll::Ready(Ok(()));
            }
            // The frames before it have been passed on.
            if let Some(error) = this.error.take() {
                return Poll::Ready(Err(error));
            }
            let mut read = ReadBuf::new(&mut this.read_buffer);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.raw.extend_from_slice(read.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SplitFrames<S> {
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

    /// Returns the frames that are passed on of these bytes, which come this many at a time, and how the stream ends.
    async fn split(bytes: &[u8], at_a_time: usize) -> (Vec<u8>, io::Result<usize>) {
        let (mut theirs, ours) = duplex(at_a_time);
        let mut frames = SplitFrames::new(ours, &[]);
        let mut heard = Vec::new();
        let (end, ()) = tokio::join!(
            async {
                loop {
                    match frames.read_buf(&mut heard).await {
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
            assert!(count <= SplitFrames::<()>::MAX_MESSAGE);
            all.extend_from_slice(&rest[..count]);
            heard = &rest[count..];
        }
        assert!(heard.is_empty(), "{heard:?}");
        all
    }

    #[tokio::test]
    async fn messages_of_any_size_and_number_of_frames_are_split() {
        let body: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let mut bytes = vec![0x82, 3, 1, 2, 3, 0x02, 126, 0, 200];
        bytes.extend(&body[..200]);
        bytes.extend([0x00, 0, 0x80, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xa0]);
        bytes.extend(&body);
        let expected = [&[1, 2, 3], &body[..200], &body].concat();
        for at_a_time in [1, 7, 5_000, 1 << 20] {
            let (heard, end) = split(&bytes, at_a_time).await;
            assert!(payload(&heard) == expected && matches!(end, Ok(0)), "{at_a_time} at a time");
        }
    }

    #[tokio::test]
    async fn frames_of_no_message_are_passed_on_unchanged() {
        // Ping, close; a masked frame, a reserved bit, a reserved kind, a continuation of nothing.
        for frame in [
            &[0x89, 2, 1, 2][..],
            &[0x88, 2, 3, 0xe8],
            &[0x82, 0x81, 1, 2, 3, 4, 5],
            &[0xc2, 1, 1],
            &[0x83, 1, 1],
            &[0x80, 1, 1],
        ] {
            assert_eq!(split(frame, 1).await.0, frame);
        }
        // A ping between the frames of a message.
        let (heard, _) = split(&[0x02, 1, 7, 0x89, 0, 0x80, 1, 8], 100).await;
        assert_eq!(heard, [0x82, 1, 7, 0x89, 0, 0x82, 1, 8]);
        assert_eq!(split(&[0x81, 1, b'x'], 100).await.0[..2], [0x81, 0], "text is text");
    }

    #[tokio::test]
    async fn a_message_within_another_is_refused() {
        let (heard, end) = split(&[0x02, 1, 7, 0x82, 1, 8], 100).await;
        assert_eq!(heard, [0x82, 1, 7], "frames before it are passed on");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
