//! A log file that is rotated, and opened again where something has moved it away.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::config::old;
use super::error::{FileLoggerError, FileObstacle, folder};
use crate::chain;
use crate::file::FileKind;

/// How often it is looked whether the file still stands under its name, and how long after a failure it is tried to open it.
const LOOK: Duration = Duration::from_secs(1);

/// How long after a rotation that failed it is tried again.
const ROTATE_AGAIN: Duration = Duration::from_secs(60);

/// Where a file is, and when another one is begun.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    pub path: PathBuf,
    /// In bytes; 0 for no limit.
    pub max_size: u64,
    /// Zero for no limit.
    pub max_age: Duration,
    pub max_files: usize,
    /// The permissions of a file that is made.
    pub mode: u32,
}

/// Is told what is wrong with the file, and with nothing when it is well again.
pub(super) type Report = Box<dyn Fn(Option<String>) + Send>;

/// A log file. What is written to it are whole lines, or the rest of one.
pub(super) struct LogFile {
    rotation: Rotation,
    report: Report,
    open: Option<OpenFile>,
    /// When it was last looked after.
    looked: Option<Instant>,
    /// No rotation before that, since one has failed.
    rotate_after: Option<Instant>,
    /// Another file stands under the name, or none, and could not be opened.
    astray: bool,
    /// What is wrong, as it was told.
    trouble: Option<String>,
}

struct OpenFile {
    file: File,
    size: u64,
    began: SystemTime,
    /// Whether the last line has ended.
    ended: bool,
}

impl LogFile {
    /// Opens the file, and makes it where there is none, with the folders that it lies in. A folder that goes later is not made again:
    /// somebody has taken it away.
    pub fn open(rotation: Rotation, report: Report) -> Result<Self, FileLoggerError> {
        let opened = make_folder(folder(&rotation.path))
            .and_then(|()| OpenFile::at(&rotation.path, rotation.mode))
            .map_err(|source| FileLoggerError::Open { path: rotation.path.clone(), source })?;
        let looked = Some(Instant::now());
        Ok(Self {
            rotation,
            report,
            open: Some(opened),
            looked,
            rotate_after: None,
            astray: false,
            trouble: None,
        })
    }

    /// Opens the file that stands under the name now. Where that fails, what is written goes on to where it went before.
    pub fn reopen(&mut self) {
        self.looked = Some(Instant::now());
        match OpenFile::at(&self.rotation.path, self.rotation.mode) {
            Ok(opened) => {
                self.open = Some(opened);
                (self.astray, self.rotate_after) = (false, None);
                self.well();
            }
            Err(obstacle) => {
                self.astray = true;
                let path = self.rotation.path.display();
                self.ill(&format!("cannot open the log file `{path}`: {}", chain(&obstacle)));
            }
        }
    }

    /// Before a line: has the right file open for it.
    fn prepare(&mut self, size: usize) {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
            self.look();
        }
        // What does not stand under the name has been rotated already, or moved away.
        let may_rotate = !self.astray && self.rotate_after.is_none_or(|after| now >= after);
        if may_rotate && self.open.as_ref().is_some_and(|open| open.is_over(&self.rotation, size)) {
            match self.rotation.rename() {
                Ok(()) => self.reopen(),
                Err(error) => {
                    self.rotate_after = Some(now + ROTATE_AGAIN);
                    let path = self.rotation.path.display();
                    self.ill(&format!("cannot rotate the log file `{path}`, which goes on: {error}"));
                }
            }
        }
    }

    /// Opens another file where what is open does not stand under the name any more.
    fn look(&mut self) {
        self.looked = Some(Instant::now());
        let there = fs::metadata(&self.rotation.path);
        match (&mut self.open, there) {
            (Some(open), Ok(there)) if open.is(&there) => open.size = there.len(),
            // Whoever cannot look can still write.
            (Some(_), Err(error)) if error.kind() != io::ErrorKind::NotFound => {}
            _ => self.reopen(),
        }
    }

    fn ill(&mut self, trouble: &str) {
        if self.trouble.as_deref() != Some(trouble) {
            self.trouble = Some(trouble.to_owned());
            (self.report)(Some(trouble.to_owned()));
        }
    }

    fn well(&mut self) {
        let well = self.rotate_after.is_none() && !self.astray;
        if well && self.trouble.take().is_some() {
            (self.report)(None);
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.open.as_ref().is_none_or(|open| open.ended) {
            self.prepare(bytes.len());
        }
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let written = open.write(bytes);
        match &written {
            Ok(_) => self.well(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let path = self.rotation.path.display();
                self.ill(&format!("cannot write the log file `{path}`: {error}"));
            }
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile {
    fn at(path: &Path, mode: u32) -> Result<Self, FileObstacle> {
        // Asked before, since opening a device can have an effect, and after, since the name may stand for something else by then.
        if let Ok(there) = fs::metadata(path) {
            regular(&there)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(mode).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        }
        #[cfg(not(unix))]
        let _ = mode;
        let file = options.open(path).map_err(|error| FileObstacle::of(path, error))?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let began = metadata.created().unwrap_or_else(|_| SystemTime::now());
        Ok(Self { file, size: metadata.len(), began, ended: true })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        if let Some(last) = bytes.get(..written).and_then(<[u8]>::last) {
            self.ended = *last == b'\n';
        }
        Ok(written)
    }

    /// Whether another file is to be begun before so many bytes more.
    fn is_over(&self, rotation: &Rotation, more: usize) -> bool {
        let too_large = rotation.max_size > 0 && self.size.saturating_add(more as u64) > rotation.max_size;
        let age = || SystemTime::now().duration_since(self.began).unwrap_or_default();
        let too_old = !rotation.max_age.is_zero() && age() >= rotation.max_age;
        self.size > 0 && (too_large || too_old)
    }

    /// Whether this is the open file.
    #[cfg(unix)]
    fn is(&self, other: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.file.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (other.dev(), other.ino()))
    }

    /// Elsewhere a file that is open cannot be moved away.
    #[cfg(not(unix))]
    fn is(&self, _: &Metadata) -> bool {
        true
    }
}

/// Makes a folder, and those above it, where they are not there: only their owner may write in them, and their group look into them.
fn make_folder(folder: &Path) -> Result<(), FileObstacle> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    let made = builder.recursive(true).create(folder);
    made.map_err(|source| FileObstacle::CannotMake { folder: folder.to_owned(), source })
}

fn regular(metadata: &Metadata) -> Result<(), FileObstacle> {
    FileKind::of(metadata.file_type()).map_or(Ok(()), |kind| Err(FileObstacle::NotAFile(kind)))
}

impl Rotation {
    /// Moves the old files on by one, and the present one to the first place; the oldest goes.
    fn rename(&self) -> io::Result<()> {
        if self.max_files == 0 {
            return fs::remove_file(&self.path);
        }
        fs::metadata(&self.path)?;
        for number in (1..self.max_files).rev() {
            match fs::rename(self.old(number), self.old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.old(1))
    }

    /// The old file of a number, 1 for the newest.
    fn old(&self, number: usize) -> PathBuf {
        old(&self.path, number)
    }
}

#[cfg(test)]
#[path = "log_file_tests.rs"]
mod tests;
