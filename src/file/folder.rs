//! Why there is no file at a path: a folder on the way to it is missing.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::text::escape;

/// A folder on the way to a file that is not there, or is none; of several the outermost, with its whole path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the folder `{}` {}", escape(&.path.display().to_string()), if *.is_there { "is a file, and no folder" } else { "is not there" })]
pub struct NoFolder {
    path: PathBuf,
    is_there: bool,
}

impl NoFolder {
    /// What the system calls "no such file" of a path, where a folder is why. It blocks.
    pub(crate) fn of(path: &Path, error: &io::Error) -> Option<Self> {
        let is_missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
        if is_missing { Self::before(path) } else { None }
    }

    /// The outermost folder before the end of a path that is missing, or is none. It blocks.
    #[must_use]
    pub fn before(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let folders: Vec<_> = path.ancestors().skip(1).collect();
        folders.into_iter().rev().find_map(|folder| {
            let is_there = match std::fs::metadata(folder) {
                Ok(found) if found.is_dir() => return None,
                Ok(_) => true,
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(_) => return None,
            };
            Some(Self { path: folder.to_owned(), is_there })
        })
    }

    /// The same as an error of the system, for those that have one as their source; the error itself where no folder is why.
    #[cfg(all(unix, any(feature = "http", feature = "mqtt")))]
    pub(crate) fn explain(path: &Path, error: io::Error) -> io::Error {
        match Self::of(path, &error) {
            Some(folder) => io::Error::new(error.kind(), folder),
            None => error,
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
