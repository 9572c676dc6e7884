//! One secret in one file.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::permissions::Exposure;
use crate::config::Secret;
use crate::{Category, Coded};

/// The longest secret, in bytes.
pub(super) const LIMIT: u64 = 64 * 1024;

/// Why a secret cannot be read from its file. No variant shows any of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// A key that is no plain file name.
    #[error(
        "`{key}` is no key of a secret in a file: a key has no `/` or `\\` and does not begin with a dot"
    )]
    BadKey {
        /// The key.
        key: String,
    },
    /// The file system says no.
    #[error("cannot read the secret `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else than a file, such as a pipe.
    #[error("the secret `{}` is no regular file", .path.display())]
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// More than 64 KiB.
    #[error("the secret `{}` is longer than {LIMIT} bytes", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Bytes that are no text.
    #[error("the secret `{}` is not UTF-8", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write it, and `strict` is set.
    #[error("the secret `{}` can be {exposure} by others; take that right away, or set `strict = false`", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What others may do.
        exposure: Exposure,
    },
}

impl Coded for SecretFileError {
    fn category(&self) -> Category {
        match self {
            Self::BadKey { .. } | Self::Exposed { .. } => Category::Misconfiguration,
            _ => Category::FileError,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadKey { .. } => "BAD_KEY",
            Self::Exposed { .. } => "EXPOSED_SECRET",
            _ => "READ_FAILED",
        }
    }
}

/// What there is at `path`; none where there is nothing, or a directory, which is another layout's.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, SecretFileError> {
    let metadata = match fs::metadata(path) {
        // `NotADirectory`: `key/username` where `key` is a file with a password.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(SecretFileError::Read { path: path.to_owned(), source }),
        Ok(metadata) => metadata,
    };
    // Checked before it is opened: opening a pipe would wait for somebody to write.
    match metadata.is_dir() {
        true => Ok(None),
        false if metadata.is_file() => Ok(Some(metadata)),
        false => Err(SecretFileError::NotAFile { path: path.to_owned() }),
    }
}

/// The secret in a file; none where there is nothing in it. It blocks.
pub(super) fn read(path: &Path) -> Result<Option<Secret>, SecretFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| SecretFileError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > LIMIT {
        return Err(SecretFileError::TooLong { path: path.to_owned() });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretFileError::NotText { path: path.to_owned() })?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}
