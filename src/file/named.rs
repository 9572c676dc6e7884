//! What the command line names may be a FIFO: that is how a shell passes the output of a command, `-c <(…)`.

use std::fs::{File, FileType};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{FileKind, ReadError, open};

/// How long a FIFO may take until all of it is there.
pub const WAIT: Duration = Duration::from_secs(10);

/// How long nothing is done when nothing is there. The standard library has no way to wait for a pipe with a limit.
const PAUSE: Duration = Duration::from_millis(5);

/// Reads what the command line names: a regular file, or a FIFO, which may take up to `wait`.
///
/// Use it for nothing that a file names: a FIFO can be read once, and holds up whoever reads it.
///
/// # Errors
/// Those of [`read`](super::read), and [`ReadError::Silent`] where a FIFO is not at its end within `wait`.
pub fn read_named(path: &Path, limit: u64, wait: Duration) -> Result<Vec<u8>, ReadError> {
    let takes = |kind: FileType| match FileKind::of(kind) {
        None | Some(FileKind::Fifo) => Ok(()),
        Some(other) => Err(other),
    };
    let (file, metadata) = open(path, takes)?;
    let mut bytes = Vec::new();
    if metadata.is_file() {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    } else {
        drain(file, &mut bytes, limit, wait)?;
    }
    if bytes.len() as u64 > limit { Err(ReadError::TooLarge { limit }) } else { Ok(bytes) }
}

/// Reads the standard input to its end, however long that takes: whoever writes `-` for a file waits for what is typed or
/// piped there, as with `cat -`.
///
/// # Errors
/// [`ReadError::TooLarge`] where it has more than `limit` bytes, and [`ReadError::Io`].
pub fn read_input(limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ReadError::TooLarge { limit }) } else { Ok(bytes) }
}

/// Reads a FIFO, which was opened so that it never blocks, to its end or just beyond the limit.
fn drain(fifo: File, bytes: &mut Vec<u8>, limit: u64, wait: Duration) -> Result<(), ReadError> {
    let until = Instant::now() + wait;
    let mut fifo = fifo.take(limit.saturating_add(1));
    let mut part = [0; 16 * 1024];
    loop {
        match fifo.read(&mut part) {
            // Before the first byte that is no end: nobody may have opened the other side yet.
            Ok(0) if !bytes.is_empty() => return Ok(()),
            Ok(read @ 1..) => {
                bytes.extend_from_slice(part.get(..read).unwrap_or_default());
                continue;
            }
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Err(error.into());
            }
            _ => {}
        }
        if Instant::now() >= until {
            return Err(ReadError::Silent { waited: wait });
        }
        std::thread::sleep(PAUSE);
    }
}
