//! A TCP stream whose notifications can be paused.
//!
//! While a socket is registered with the runtime, every segment that comes in wakes its thread, whether or not anybody wants to
//! read yet. Where many small packets come one by one, that costs more than reading them. While notifications are paused, packets
//! gather in the socket.

use std::io::{self, Read, Write};
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream, registered with the runtime or not.
pub(crate) enum PausableTcp {
    Active(TcpStream),
    /// A read that would have to wait activates it again; whoever writes tries again by itself.
    Paused(net::TcpStream),
    /// Going from one to the other has failed.
    Failed,
}

impl PausableTcp {
    /// Pauses notifications until a read finds nothing. Returns true, as a TCP stream can do that.
    pub fn pause_notifications(&mut self) -> io::Result<bool> {
        if let Self::Active(_) = self
            && let Self::Active(stream) = std::mem::replace(self, Self::Failed)
        {
            *self = Self::Paused(stream.into_std()?);
        }
        Ok(true)
    }

    fn activate(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Self::Paused(_) = self
            && let Self::Paused(stream) = std::mem::replace(self, Self::Failed)
        {
            *self = Self::Active(TcpStream::from_std(stream)?);
        }
        match self {
            Self::Active(stream) => Ok(Pin::new(stream)),
            Self::Paused(_) | Self::Failed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Tries what a paused stream may be able to do without waiting.
    fn try_paused<T>(
        &mut self,
        mut work: impl FnMut(&mut net::TcpStream) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let Self::Paused(stream) = self else { return None };
        loop {
            match work(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Some(done),
            }
        }
    }
}

impl AsyncRead for PausableTcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(read) = self.try_paused(|stream| stream.read(buffer.initialize_unfilled())) {
            return Poll::Ready(read.map(|read| buffer.advance(read)));
        }
        self.activate()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for PausableTcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.try_paused(|stream| stream.write(bytes)) {
            Some(written) => Poll::Ready(written),
            // Notifications of room would be as many wake-ups as those of bytes.
            None if matches!(*self, Self::Paused(_)) => Poll::Pending,
            None => self.activate()?.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket buffers nothing in this process.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activate()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (PausableTcp, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (PausableTcp::Active(ours.unwrap()), theirs.unwrap().0)
    }

    #[tokio::test]
    async fn bytes_that_come_while_paused_are_read_later() {
        let (mut ours, mut theirs) = pair().await;
        let mut buffer = [0; 5];
        for _ in 0..3 {
            assert!(ours.pause_notifications().unwrap() && ours.pause_notifications().unwrap());
            theirs.write_all(b"hello").await.unwrap();
            ours.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"hello");
        }
        ours.pause_notifications().unwrap();
        let (read, ()) = tokio::join!(ours.read_exact(&mut buffer[..2]), async {
            tokio::task::yield_now().await;
            theirs.write_all(b"yo").await.unwrap();
        });
        assert_eq!(read.unwrap(), 2, "whoever has to wait is woken");
        ours.pause_notifications().unwrap();
        drop(theirs);
        assert_eq!(ours.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn more_than_the_socket_takes_is_written_by_and_by() {
        let (mut ours, mut theirs) = pair().await;
        let bytes = vec![7; 8 * 1024 * 1024];
        let write = async {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                ours.pause_notifications().unwrap();
                match futures_util::poll!(std::pin::pin!(ours.write(rest))) {
                    Poll::Ready(written) => rest = &rest[written.unwrap()..],
                    // There is no notification: whoever paused them polls again.
                    Poll::Pending => tokio::task::yield_now().await,
                }
            }
            ours.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let ((), read) = tokio::join!(write, theirs.read_to_end(&mut heard));
        assert!(read.unwrap() == bytes.len() && heard == bytes);
    }
}
