//! The errors of the file logger.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::config::Invalid;
use crate::error::{Category, Coded};
use crate::file::FileKind;

/// Why a log file cannot be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileLoggerError {
    /// A value of the configuration that it cannot work with.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// The file system says no.
    #[error("cannot open the log file `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: FileObstacle,
    },
    /// Lines that had not been written when the time for closing was over.
    #[error("{lines} lines were not written to the log file `{}` before the time for closing was over", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// How many.
        lines: u64,
    },
}

/// What keeps a file from being written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileObstacle {
    /// Its folder is not there.
    #[error("there is no folder `{}`, and none is made", .0.display())]
    NoFolder(PathBuf),
    /// Its folder is not there, and cannot be made.
    #[error("the folder `{}` is not there and cannot be made", folder.display())]
    CannotMake {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What would be its folder, or one above, is a file.
    #[error("`{}` is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// It is no regular file.
    #[error("it is a {0}; only a regular file can be written here")]
    NotAFile(FileKind),
    /// What else the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FileObstacle {
    /// Of an error of the system at this path.
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        let folder = folder(path);
        if error.kind() == ErrorKind::NotFound && !folder.exists() {
            return Self::NoFolder(folder.to_owned());
        }
        Self::Io(error)
    }
}

/// The folder of a file; `.` where the path has none.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl FileLoggerError {
    /// What can be seen of a file that is not opened: that it is none, or that its folder cannot be made.
    pub(super) fn seen(path: &Path) -> Option<Self> {
        let source = match std::fs::metadata(path) {
            Ok(metadata) => FileObstacle::NotAFile(FileKind::of(metadata.file_type())?),
            Err(_) => {
                let above =
                    folder(path).ancestors().find_map(|one| Some((one, std::fs::metadata(one).ok()?)));
                let (above, _) = above.filter(|(_, metadata)| !metadata.is_dir())?;
                FileObstacle::NotAFolder(above.to_owned())
            }
        };
        Some(Self::Open { path: path.to_owned(), source })
    }

    /// The reason without the path, which the place of a key shows.
    pub(super) fn reason(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Open { source, .. } => source,
            other => other,
        }
    }
}

impl Coded for FileLoggerError {
    fn category(&self) -> Category {
        match self {
            Self::Config(error) => error.category(),
            Self::Open { .. } | Self::Unwritten { .. } => Category::FileError,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::Open { .. } | Self::Unwritten { .. } => "LOG_FILE",
        }
    }
    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Config(error) => error.keys(),
            Self::Open { .. } => vec!["path".into()],
            Self::Unwritten { .. } => Vec::new(),
        }
    }
}
