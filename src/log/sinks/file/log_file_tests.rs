//! Rotation, files that are moved away, and what goes wrong with them.

use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::*;

struct Logged {
    file: LogFile,
    folder: TempDir,
    said: Receiver<Option<String>>,
}

impl Logged {
    fn new(max_size: u64, max_files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        let path = folder.path().join("logs/x.log");
        let rotation = Rotation { path, max_size, max_age: Duration::ZERO, max_files, mode: 0o640 };
        let (say, said) = channel();
        let file = LogFile::open(rotation, Box::new(move |trouble| say.send(trouble).unwrap())).unwrap();
        Self { file, folder, said }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    /// The same a good while later.
    fn write_later(&mut self, text: &str) {
        (self.file.looked, self.file.rotate_after) = (None, self.file.rotate_after.map(|_| Instant::now()));
        self.write(text);
    }

    /// What is in the files of the folder of logs, by their names.
    fn files(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.path("logs")).unwrap().map(Result::unwrap);
        let text =
            |path: PathBuf| if path.is_dir() { "a folder".into() } else { fs::read_to_string(path).unwrap() };
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name().into_string().unwrap(), text(entry.path()))).collect();
        files.sort();
        files
    }

    fn said(&self) -> Vec<Option<String>> {
        let folder = self.folder.path().display().to_string();
        let said = self.said.try_iter();
        said.map(|trouble| trouble.map(|text| text.replace(&folder, "<folder>"))).collect()
    }
}

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn another_file_is_begun_before_one_is_too_large_and_the_oldest_goes() {
    let mut logged = Logged::new(10, 2);
    for line in ["1111\n", "2222\n", "3333\n", "a line longer than a file may be\n", "5555\n", "6666\n"] {
        logged.write(line);
    }
    let expected =
        [("x.log", "5555\n6666\n"), ("x.log.1", "a line longer than a file may be\n"), ("x.log.2", "3333\n")];
    assert_eq!(logged.files(), files(&expected));
    assert!(logged.said().is_empty());
}

#[test]
fn a_line_is_not_torn_apart_by_a_rotation() {
    let mut logged = Logged::new(10, 1);
    logged.write("begun ");
    logged.write("and ended\n");
    logged.write("next\n");
    assert_eq!(logged.files(), files(&[("x.log", "next\n"), ("x.log.1", "begun and ended\n")]));
}

#[test]
fn without_old_files_the_file_is_begun_anew() {
    let mut logged = Logged::new(10, 0);
    logged.write("12345678\n");
    logged.write("next\n");
    assert_eq!(logged.files(), files(&[("x.log", "next\n")]));
}

#[test]
fn another_file_is_begun_when_one_is_too_old() {
    let mut logged = Logged::new(0, 1);
    logged.file.rotation.max_age = Duration::from_secs(3600);
    logged.file.open.as_mut().unwrap().began = SystemTime::now() - Duration::from_secs(3601);
    logged.write("of today\n");
    assert_eq!(logged.files(), files(&[("x.log", "of today\n")]), "an empty file is not kept");
    logged.file.open.as_mut().unwrap().began = SystemTime::now() - Duration::from_secs(3601);
    logged.write("of tomorrow\n");
    assert_eq!(logged.files(), files(&[("x.log", "of tomorrow\n"), ("x.log.1", "of today\n")]));
    // A clock that was set back makes nothing old.
    logged.file.open.as_mut().unwrap().began = SystemTime::now() + Duration::from_secs(9_999);
    logged.write("more\n");
    assert_eq!(logged.files().len(), 2);
}

#[test]
fn what_was_there_is_gone_on_with_and_counts() {
    let mut logged = Logged::new(10, 1);
    logged.write("12345\n");
    let rotation = logged.file.rotation.clone();
    logged.file = LogFile::open(rotation, Box::new(|_| ())).unwrap();
    logged.write("678\n");
    assert_eq!(logged.files(), files(&[("x.log", "12345\n678\n")]));
    logged.write("9\n");
    assert_eq!(logged.files().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let mut logged = Logged::new(0, 1);
    logged.write("one\n");
    fs::rename(logged.path("logs/x.log"), logged.path("logs/moved")).unwrap();
    logged.write("two\n");
    logged.write_later("three\n");
    assert_eq!(logged.files(), files(&[("moved", "one\ntwo\n"), ("x.log", "three\n")]));
    fs::rename(logged.path("logs/x.log"), logged.path("logs/moved")).unwrap();
    logged.file.reopen();
    logged.write("four\n");
    assert_eq!(logged.files(), files(&[("moved", "three\n"), ("x.log", "four\n")]));
    assert!(logged.said().is_empty());
}

#[test]
fn a_file_that_was_cut_off_goes_on_at_its_end() {
    let mut logged = Logged::new(10, 1);
    logged.write("12345678\n");
    File::options().write(true).open(logged.path("logs/x.log")).unwrap().set_len(0).unwrap();
    logged.write_later("next\n");
    assert_eq!(logged.files(), files(&[("x.log", "next\n")]));
}

#[cfg(unix)]
#[test]
fn where_the_file_cannot_be_made_anew_what_is_open_is_written_and_the_old_files_stay() {
    let mut logged = Logged::new(10, 3);
    logged.write("1234567\n");
    fs::rename(logged.path("logs"), logged.path("elsewhere")).unwrap();
    for _ in 0..3 {
        logged.write_later("more\n");
    }
    let trouble = "cannot open the log file `<folder>/logs/x.log`: there is no folder `<folder>/logs`, and none is made";
    assert_eq!(logged.said(), [Some(trouble.to_owned())], "it is said once");
    assert_eq!(fs::read_to_string(logged.path("elsewhere/x.log")).unwrap(), "1234567\nmore\nmore\nmore\n");
    fs::create_dir(logged.path("logs")).unwrap();
    logged.write_later("again\n");
    assert_eq!((logged.files(), logged.said()), (files(&[("x.log", "again\n")]), vec![None]));
}

#[test]
fn a_file_that_cannot_be_rotated_goes_on() {
    let mut logged = Logged::new(10, 1);
    fs::create_dir_all(logged.path("logs/x.log.1/full")).unwrap();
    logged.write("1234567\n");
    logged.write("2\n");
    logged.write("345\n");
    logged.write_later("6\n");
    assert_eq!(logged.files(), files(&[("x.log", "1234567\n2\n345\n6\n"), ("x.log.1", "a folder")]));
    let said = logged.said();
    let [Some(trouble)] = &said[..] else { panic!("{said:?}") };
    assert!(
        trouble.starts_with("cannot rotate the log file `<folder>/logs/x.log`, which goes on: "),
        "{trouble}"
    );
    fs::remove_dir_all(logged.path("logs/x.log.1")).unwrap();
    logged.write_later("next\n");
    assert_eq!((logged.files().len(), logged.said()), (2, vec![None]));
}

#[test]
fn only_a_regular_file_in_a_folder_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |path: PathBuf| {
        let rotation = Rotation { path, max_size: 0, max_age: Duration::ZERO, max_files: 1, mode: 0o640 };
        let error = LogFile::open(rotation, Box::new(|_| ())).err().unwrap();
        assert_eq!(crate::Coded::code(&error), "LOG_FILE");
        chain(&error).replace(&folder.path().display().to_string(), "<folder>")
    };
    fs::write(folder.path().join("file"), "").unwrap();
    let directory =
        "cannot open the log file `<folder>/`: it is a directory; only a regular file can be written here";
    assert_eq!(opened(folder.path().join("")), directory);
    assert!(
        opened(folder.path().join("file/x.log"))
            .starts_with("cannot open the log file `<folder>/file/x.log`: ")
    );
    #[cfg(unix)]
    assert!(opened("/dev/full".into()).ends_with("it is a device; only a regular file can be written here"));
}

#[cfg(unix)]
#[test]
fn a_file_has_the_permissions_that_are_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let mut logged = Logged::new(0, 1);
    let mode = || fs::metadata(logged.folder.path().join("logs/x.log")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode() & !0o640, 0, "{:o}", mode());
    assert_eq!(mode() & 0o600, 0o600);
    fs::set_permissions(logged.path("logs/x.log"), fs::Permissions::from_mode(0o660)).unwrap();
    logged.file.reopen();
    let kept = fs::metadata(logged.path("logs/x.log")).unwrap().permissions().mode() & 0o777;
    assert_eq!(kept, 0o660, "those of a file that is there stay");
}
