//! A stream that breaks where it is told to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Weather;

/// The broker's end of a TCP connection in bad weather.
pub(super) struct Rough {
    stream: TcpStream,
    left_to_read: usize,
    left_to_write: usize,
    drip: bool,
    /// How many bytes came and went.
    pub(super) moved: (usize, usize),
}

impl Rough {
    pub(super) fn new(stream: TcpStream, weather: &Weather) -> Self {
        if weather.reset {
            stream.set_zero_linger().expect("a TCP socket lingers");
        }
        let limit = |limit: Option<usize>| limit.unwrap_or(usize::MAX);
        Self {
            stream,
            left_to_read: limit(weather.cut_reading),
            left_to_write: limit(weather.cut_writing),
            drip: weather.drip,
            moved: (0, 0),
        }
    }

    fn most(&self, left: usize) -> usize {
        if self.drip { left.min(1) } else { left }
    }
}

fn cut<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by the test")))
}

impl AsyncRead for Rough {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.most(self.left_to_read).min(buffer.remaining());
        if most == 0 {
            return cut();
        }
        let mut bytes = vec![0; most];
        let mut part = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        self.left_to_read -= part.filled().len();
        self.moved.0 += part.filled().len();
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rough {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = self.most(self.left_to_write).min(bytes.len());
        if most == 0 && !bytes.is_empty() {
            return cut();
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]))?;
        self.left_to_write -= written;
        self.moved.1 += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
