//! A stream of bytes as the driver needs it: one that counts them. That a socket takes and gives bytes shows that the other side
//! is alive, also while a layer above it gathers bytes until a record or a message is whole.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of bytes to and from a broker.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Stops notifications of bytes that come in and of room to write, until the next read that finds nothing: until then, whoever
    /// has to wait polls again by itself. Returns false where the stream cannot do that.
    fn pause_notifications(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// How many of the bytes that it has taken it may buffer until it is flushed, at most.
    fn max_buffered(&self) -> u64 {
        0
    }

    /// How many bytes the socket below has given and taken so far.
    fn moved(&self) -> Moved;
}

/// How many bytes have moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub read: u64,
    pub written: u64,
}

/// A stream with its counts.
pub(crate) struct Counted<T> {
    inner: T,
    moved: Moved,
}

impl<T> Counted<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, moved: Moved::default() }
    }

    pub fn inner(&mut self) -> &mut T {
        &mut self.inner
    }

    pub fn moved(&self) -> Moved {
        self.moved
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.moved.read += (buffer.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.moved.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bytes))?;
        self.moved.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(any(test, fuzzing))]
impl Transport for Counted<tokio::io::DuplexStream> {
    fn moved(&self) -> Moved {
        Counted::moved(self)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_moves_is_counted_and_what_waits_is_not() {
        let (ours, mut theirs) = duplex(4);
        let mut ours = Counted::new(ours);
        assert_eq!(ours.write(b"hello").await.unwrap(), 4);
        assert!(futures_util::poll!(std::pin::pin!(ours.write(b"o"))).is_pending());
        theirs.write_all(b"you").await.unwrap();
        ours.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(ours.moved(), Moved { read: 2, written: 4 });
        drop(theirs);
        ours.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(ours.moved(), Moved { read: 3, written: 4 });
    }
}
