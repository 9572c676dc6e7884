//! The socket at which systemd listens.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use wirework::environment::variable;
use wirework::text::escape;

use crate::run::LOG;

/// The variable in which systemd says where it listens.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// How long a message may wait for systemd to take those before it.
const SEND_LIMIT: Duration = Duration::from_secs(1);

/// Where systemd listens: a socket in the file system, or `@name` in Linux' abstract namespace.
pub(super) struct NotifySocket {
    address: SocketAddr,
    /// The address as it was given.
    shown: String,
    /// Whether it was said that nothing can be sent.
    has_failed: AtomicBool,
}

impl NotifySocket {
    /// What the environment names; nothing where it names none, or, after a warning, nothing that can be one.
    pub fn from_environment() -> Option<Self> {
        let given = variable(VARIABLE)?;
        let shown = escape(&given.to_string_lossy()).into_owned();
        match address(&given) {
            Ok(address) => Some(Self { address, shown, has_failed: AtomicBool::new(false) }),
            Err(error) => {
                tracing::warn!(
                    target: LOG,
                    "{VARIABLE} is `{shown}`, but expected is an absolute path or `@name`; systemd is told nothing: {error}"
                );
                None
            }
        }
    }

    /// Sends lines. The first time that it fails is a warning, all others are nothing.
    pub async fn send(&self, lines: &str) {
        let Err(error) = self.try_send(lines.as_bytes()).await else { return };
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            let shown = &self.shown;
            tracing::warn!(target: LOG, "cannot tell systemd at `{shown}` how the service is: {error}");
        }
    }

    /// A socket each time, so that it also reaches a systemd that has made its own anew.
    async fn try_send(&self, lines: &[u8]) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&self.address)?;
        match socket.send(lines) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return sent.map(drop),
        }
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        timeout(SEND_LIMIT, socket.send(lines)).await.map_err(io::Error::from)?.map(drop)
    }
}

/// The address that a value of the variable stands for.
fn address(given: &OsStr) -> io::Result<SocketAddr> {
    match given.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
        [b'/', _, ..] => SocketAddr::from_pathname(given),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_an_abstract_name() {
        let of = |text: &str| address(OsStr::new(text));
        assert_eq!(of("/run/systemd/notify").unwrap().as_pathname(), Some("/run/systemd/notify".as_ref()));
        assert_eq!(of("@systemd/notify").unwrap().as_abstract_name(), Some(&b"systemd/notify"[..]));
        let long = format!("/{}", "x".repeat(200));
        for bad in ["run/systemd/notify", "@", "/", "vsock:2:1234", &long] {
            assert_eq!(of(bad).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_warning_whatever_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let reader = UnixDatagram::bind(&path).unwrap();
        let log = crate::run::captured::CapturedLog::default();
        let _guard = log.capture();
        let address = address(path.as_os_str()).unwrap();
        let socket = NotifySocket { address, shown: "notify".to_owned(), has_failed: AtomicBool::new(false) };
        socket.send("READY=1").await;
        let mut lines = [0; 64];
        let length = reader.recv(&mut lines).unwrap();
        assert_eq!(&lines[..length], b"READY=1");
        assert!(log.lines().is_empty());
        drop(reader);
        socket.send("WATCHDOG=1").await;
        socket.send("WATCHDOG=1").await;
        let said = log.lines();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("WARN cannot tell systemd at `notify` how the service is: "), "{said:?}");
    }
}
