//! A file that has one secret.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{Secret, code};
use crate::file::{Exposure, FileKind, ReadError, RegularFile};
use crate::text::trim_line_breaks;
use crate::{Category, Coded, chain};

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
    /// The file system says no, it is no regular file, or it has more than 64 KiB.
    #[error("cannot read the secret `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// Bytes that are no UTF-8.
    #[error("the secret `{}` is not UTF-8", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write it, and `strict` is set.
    #[error("the secret `{}` {}, or set `strict = false`", .path.display(), .exposure.sentence())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What others may do.
        exposure: Exposure,
    },
    /// Neither the user name nor the password can be read.
    #[error("{}; and {}", chain(first), chain(second))]
    Both {
        /// Why not the user name.
        first: Box<SecretFileError>,
        /// Why not the password.
        second: Box<SecretFileError>,
    },
}

impl SecretFileError {
    /// The same with the file as it is called from this folder on.
    pub(super) fn within(mut self, folder: &Path) -> Self {
        if let Self::Read { path, .. } | Self::NotText { path } | Self::Exposed { path, .. } = &mut self
            && let Ok(inner) = path.strip_prefix(folder)
        {
            *path = inner.to_owned();
        }
        if let Self::Both { first, second } = self {
            let [first, second] = [first, second].map(|error| Box::new(error.within(folder)));
            return Self::Both { first, second };
        }
        self
    }
}

impl Coded for SecretFileError {
    fn category(&self) -> Category {
        match self {
            Self::BadKey { .. } | Self::Exposed { .. } => Category::Misconfiguration,
            Self::Both { first, .. } => first.category(),
            _ => Category::FileError,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadKey { .. } => "BAD_KEY",
            Self::Exposed { .. } => code::EXPOSED_SECRET,
            Self::Both { first, .. } => first.code(),
            _ => "READ_FAILED",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Exposed { .. } => vec!["strict".into()],
            Self::Both { first, second } => [first.keys(), second.keys()].concat(),
            _ => Vec::new(),
        }
    }
}

/// The file at `path`; none where there is nothing, or a directory, which is another layout's.
pub(super) fn open(path: &Path) -> Result<Option<RegularFile>, SecretFileError> {
    match RegularFile::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(ReadError::NotAFile(FileKind::Directory)) => Ok(None),
        // No folder, too: `key/username` where `key` is a file with a password.
        Err(error) if error.is_not_found() => Ok(None),
        Err(source) => Err(SecretFileError::Read { path: path.to_owned(), source }),
    }
}

/// The secret in a file; none where there is nothing in it. It blocks.
pub(super) fn read(path: &Path, file: RegularFile) -> Result<Option<Secret>, SecretFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_into(&mut bytes, LIMIT)
        .map_err(|source| SecretFileError::Read { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretFileError::NotText { path: path.to_owned() })?;
    let text = trim_line_breaks(text);
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}
