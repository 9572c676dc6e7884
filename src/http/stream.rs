//! What carries a connection, and how it ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client that still sends may go on after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes of that are read.
const MOST: usize = 1024 * 1024;

/// A socket.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// A connection that reads on for a while when it ends. A socket that is closed with something unread resets the connection, and the
/// client would not see the answer that told it that its request is too large.
pub(super) struct Stream {
    socket: Box<dyn Socket>,
    discarded: usize,
    lingers: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(socket: impl Socket + 'static) -> Self {
        Self { socket: Box::new(socket), discarded: 0, lingers: None }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_shutdown(context))?;
        let mut unread = [0; 4096];
        while self.discarded < MOST {
            let mut into = ReadBuf::new(&mut unread);
            match Pin::new(&mut self.socket).poll_read(context, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    self.discarded += into.filled().len();
                    self.lingers.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                }
                // The client has ended it too.
                Poll::Ready(_) => break,
                // Only a client that was sending is waited for.
                Poll::Pending => match &mut self.lingers {
                    None => break,
                    Some(lingers) => {
                        ready!(lingers.as_mut().poll(context));
                        break;
                    }
                },
            }
        }
        Poll::Ready(Ok(()))
    }
}
