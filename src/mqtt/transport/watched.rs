//! A TCP stream that can be left unwatched for a while.
//!
//! While a runtime watches a socket, every segment that comes in wakes its thread, whether or not anybody wants to read yet.
//! Where packets come in singly and many, that costs more than reading them. Unwatched, they gather in the socket.

use std::io::{self, Read, Write};
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream, watched by the runtime or not.
pub(crate) enum Watched {
    Yes(TcpStream),
    /// Whoever reads next and would have to wait has it watched again; whoever writes tries again by itself.
    No(net::TcpStream),
    /// Going from one to the other has failed.
    Gone,
}

impl Watched {
    /// The runtime is to watch it no more, until somebody reads and there is nothing; true, as a TCP stream can be left like
    /// that.
    pub fn rest(&mut self) -> io::Result<bool> {
        if let Self::Yes(_) = self
            && let Self::Yes(stream) = std::mem::replace(self, Self::Gone)
        {
            *self = Self::No(stream.into_std()?);
        }
        Ok(true)
    }

    fn watch(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Self::No(_) = self
            && let Self::No(stream) = std::mem::replace(self, Self::Gone)
        {
            *self = Self::Yes(TcpStream::from_std(stream)?);
        }
        match self {
            Self::Yes(stream) => Ok(Pin::new(stream)),
            Self::No(_) | Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Tries at once what an unwatched stream may be able to do at once.
    fn at_once<T>(
        &mut self,
        mut work: impl FnMut(&mut net::TcpStream) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let Self::No(stream) = self else { return None };
        loop {
            match work(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Some(done),
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(read) = self.at_once(|stream| stream.read(buffer.initialize_unfilled())) {
            return Poll::Ready(read.map(|read| buffer.advance(read)));
        }
        self.watch()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.at_once(|stream| stream.write(bytes)) {
            Some(written) => Poll::Ready(written),
            // Being told of room would be as many wake-ups as being told of bytes.
            None if matches!(*self, Self::No(_)) => Poll::Pending,
            None => self.watch()?.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket holds nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Watched, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (Watched::Yes(ours.unwrap()), theirs.unwrap().0)
    }

    #[tokio::test]
    async fn what_comes_while_nobody_watches_is_read_later() {
        let (mut ours, mut theirs) = pair().await;
        let mut buffer = [0; 5];
        for _ in 0..3 {
            assert!(ours.rest().unwrap() && ours.rest().unwrap());
            theirs.write_all(b"hello").await.unwrap();
            ours.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"hello");
        }
        ours.rest().unwrap();
        let (read, ()) = tokio::join!(ours.read_exact(&mut buffer[..2]), async {
            tokio::task::yield_now().await;
            theirs.write_all(b"yo").await.unwrap();
        });
        assert_eq!(read.unwrap(), 2, "whoever has to wait is woken");
        ours.rest().unwrap();
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
                ours.rest().unwrap();
                match futures_util::poll!(std::pin::pin!(ours.write(rest))) {
                    Poll::Ready(written) => rest = &rest[written.unwrap()..],
                    // Nobody tells; whoever rests looks again.
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
