use std::fs;
use std::io::Write;

use super::*;

fn said(result: Result<Vec<u8>, ReadError>) -> String {
    result.map_or_else(|error| error.to_string(), |bytes| format!("{} bytes", bytes.len()))
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "12345").unwrap();
    assert_eq!(said(read(file.path(), 5)), "5 bytes");
    assert_eq!(said(read(file.path(), 4)), "it is larger than 4 bytes, which is the most that is read");
    assert_eq!(said(read_named(file.path(), 5, WAIT)), "5 bytes");
    assert!(said(read_named(file.path(), 4, WAIT)).starts_with("it is larger than 4 bytes"));
    assert!(read(Path::new("/no/such/file"), 4).unwrap_err().is_not_found());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fifo(&at("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    for (path, kind) in [
        (directory.path().to_owned(), "directory"),
        (at("fifo"), "FIFO"),
        (at("socket"), "socket"),
        ("/dev/zero".into(), "device"),
    ] {
        assert_eq!(said(read(&path, 9)), format!("it is a {kind}; only a regular file can be read here"));
        if kind != "FIFO" {
            assert_eq!(said(read_named(&path, 9, WAIT)), said(read(&path, 9)));
        }
    }
    // What has no length is read all the same.
    assert!(said(read(Path::new("/proc/self/status"), 64 * 1024)).ends_with(" bytes"));
    assert!(said(read(Path::new("/proc/self/status"), 10)).starts_with("it is larger than 10 bytes"));
}

#[cfg(unix)]
#[test]
fn links_lead_to_files() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // As Kubernetes mounts a secret: a link to a link to a directory that is replaced as a whole.
    fs::create_dir(at("..2026")).unwrap();
    fs::write(at("..2026/key"), "k").unwrap();
    std::os::unix::fs::symlink("..2026", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/key", at("key")).unwrap();
    assert_eq!(read(&at("key"), 1).unwrap(), b"k");
    std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
    assert!(said(read(&at("zero"), 1)).starts_with("it is a device"));
}

#[cfg(unix)]
#[test]
fn a_fifo_that_is_named_is_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    fifo(&path);
    assert_eq!(
        said(read_named(&path, 9, std::time::Duration::ZERO)),
        "it is a FIFO, and nobody wrote all of it within 0 ms"
    );
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut fifo = OpenOptions::new().write(true).open(path).unwrap();
            // More than a pipe holds at once.
            fifo.write_all(&[b'x'; 200_000])
        })
    };
    assert_eq!(read_named(&path, 200_000, WAIT).unwrap().len(), 200_000);
    writer.join().unwrap().unwrap();
}

#[cfg(unix)]
#[test]
fn a_fifo_without_end_is_read_up_to_its_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    fifo(&path);
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut fifo = OpenOptions::new().write(true).open(path).unwrap();
            while fifo.write_all(&[b'x'; 4096]).is_ok() {}
        })
    };
    assert!(said(read_named(&path, 100_000, WAIT)).starts_with("it is larger than 100000 bytes"));
    writer.join().unwrap();
}

#[cfg(unix)]
fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}
