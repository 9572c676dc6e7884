//! Reading files: the one function for every file that a manifest, a parameter or a component names.
//!
//! A file is read up to a limit, and only where it is a regular file. A FIFO or a device may never end, or never begin; a
//! thread that waits for one waits for ever. Symbolic links are followed, as Kubernetes mounts need it.

use std::fmt;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::text::duration;
use crate::{Category, Error};

mod exposure;
mod folder;
mod named;
#[cfg(feature = "http")]
mod socket;

pub use exposure::Exposure;
pub use folder::NoFolder;
pub use named::{WAIT, read_input, read_named};
#[cfg(feature = "http")]
pub(crate) use socket::unusable_socket_path;

/// Why a file is not read. The message is a sentence about the file, for whoever names it: `` cannot read `p`: it is a FIFO ``.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no file, since there is no folder that it could be in.
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
    /// Something else than a regular file.
    #[error("it is a {0}; only a regular file can be read here")]
    NotAFile(FileKind),
    /// Longer than the limit.
    #[error("it is larger than {limit} bytes, which is the most that is read")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A FIFO that the command line names, and that nothing came out of.
    #[error("it is a FIFO, and nobody wrote all of it within {}", duration(*.waited))]
    Silent {
        /// How long it was waited for.
        waited: std::time::Duration,
    },
}

impl ReadError {
    /// What the system says of a path. It blocks.
    pub(crate) fn at(path: &Path, error: io::Error) -> Self {
        NoFolder::of(path, &error).map_or(Self::Io(error), Self::NoFolder)
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == ErrorKind::NotFound,
            Self::NoFolder(_) => true,
            _ => false,
        }
    }
}

/// What there is in place of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A named or an anonymous pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character or a block device.
    Device,
    /// What the system has no name for.
    Special,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::Fifo => "FIFO",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Special => "special file",
        })
    }
}

impl FileKind {
    /// What there is; nothing for a regular file.
    pub(crate) fn of(kind: FileType) -> Option<Self> {
        if kind.is_file() {
            return None;
        }
        if kind.is_dir() {
            return Some(Self::Directory);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            if kind.is_fifo() {
                return Some(Self::Fifo);
            }
            if kind.is_socket() {
                return Some(Self::Socket);
            }
            if kind.is_char_device() || kind.is_block_device() {
                return Some(Self::Device);
            }
        }
        Some(Self::Special)
    }
}

/// A regular file that is open for reading.
///
/// What is asked of it, and what is read, is the same file, whatever the name stands for by then.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    metadata: Metadata,
}

impl RegularFile {
    /// Opens a file. It does not wait: neither for the other end of a FIFO nor for a device.
    ///
    /// # Errors
    /// [`ReadError::NotAFile`], and [`ReadError::Io`] where there is none or it may not be opened.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let (file, metadata) = open(path, |kind| FileKind::of(kind).map_or(Ok(()), Err))?;
        Ok(Self { file, metadata })
    }

    /// What the system knows of it: the length, the permissions.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What others may do with it, though it keeps a secret, by its permission bits; `path` is the name by which it was
    /// opened. Unix only; elsewhere nothing.
    #[must_use]
    pub fn exposure(&self, path: &Path) -> Option<Exposure> {
        exposure::exposure(path, &self.metadata)
    }

    /// Reads it whole into `buffer`, which is made large enough before, so that a secret is not left behind in a smaller one.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] where it has more than `limit` bytes, and [`ReadError::Io`].
    pub fn read_into(self, buffer: &mut Vec<u8>, limit: u64) -> Result<(), ReadError> {
        let length = self.metadata.len();
        if length > limit {
            return Err(ReadError::TooLarge { limit });
        }
        buffer.reserve(usize::try_from(length).unwrap_or(0).saturating_add(1));
        // It may have grown since, or be one of those that have no length, as in `/proc`.
        let read = self.file.take(limit.saturating_add(1)).read_to_end(buffer)?;
        if read as u64 > limit { Err(ReadError::TooLarge { limit }) } else { Ok(()) }
    }
}

impl Exposure {
    /// Of the file at a path that keeps a secret; nothing where it cannot be opened, which is reported by whoever reads it. It blocks.
    ///
    /// ```
    /// use wirework::file::Exposure;
    /// assert_eq!(Exposure::of("/nowhere/secret".as_ref()), None);
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        RegularFile::open(path).ok()?.exposure(path)
    }
}

/// Reads a regular file whole. It blocks as long as the file system takes.
///
/// ```
/// use wirework::file;
/// let error = file::read("/dev".as_ref(), 1024).unwrap_err();
/// assert_eq!(error.to_string(), "it is a directory; only a regular file can be read here");
/// ```
///
/// # Errors
/// [`ReadError::NotAFile`], [`ReadError::TooLarge`] where it has more than `limit` bytes, and [`ReadError::Io`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    RegularFile::open(path)?.read_into(&mut bytes, limit)?;
    Ok(bytes)
}

/// Opens what `takes` accepts. It is asked twice: before opening, since opening a device can have an effect, and after, since
/// the name may stand for something else by then.
fn open(
    path: &Path,
    takes: impl Fn(FileType) -> Result<(), FileKind>,
) -> Result<(File, Metadata), ReadError> {
    let metadata = std::fs::metadata(path).map_err(|error| ReadError::at(path, error))?;
    takes(metadata.file_type()).map_err(ReadError::NotAFile)?;
    let file = without_waiting(OpenOptions::new().read(true)).open(path)?;
    let metadata = file.metadata()?;
    takes(metadata.file_type()).map_err(ReadError::NotAFile)?;
    Ok((file, metadata))
}

#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NONBLOCK | libc::O_NOCTTY)
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Runs what blocks on a thread for that; fails where the runtime ends meanwhile. `doing` says what it does.
pub(crate) async fn blocking<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(Category::Internal, "READ_FAILED", format!("{doing} was broken off")).with_source(error)
    })
}

#[cfg(test)]
mod tests;
