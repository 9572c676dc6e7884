//! A stream of bytes as the driver needs it.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(any(test, fuzzing))]
use super::counted::Counted;
use super::counted::Moved;

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

#[cfg(any(test, fuzzing))]
impl Transport for Counted<tokio::io::DuplexStream> {
    fn moved(&self) -> Moved {
        Counted::moved(self)
    }
}
