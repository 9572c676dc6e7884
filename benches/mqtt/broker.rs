//! A mosquitto of this benchmark's own.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Mosquitto {
    pub port: u16,
    process: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It is ours, and has nothing to keep.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a program is; Debian has brokers outside of a user's path.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|place| place.join(program)).find(|file| file.is_file())
}

impl Mosquitto {
    /// Without limits, storing nothing; `None` where it is not installed. Unless told `no_delay`, it sends with Nagle's
    /// delay, as it does by default: acknowledgements come many in one segment then instead of each in its own.
    pub fn start(no_delay: bool) -> Option<Self> {
        let program = installed("mosquitto")?;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("mosquitto.conf");
        let port = free_port();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay {no_delay}\n\
             max_inflight_messages 0\nmax_queued_messages 0\nlog_type error\n"
        );
        std::fs::write(&file, config).expect("a file in it");
        let process = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        let broker = Self { port, process, _directory: directory };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "mosquitto does not listen on port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(broker)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
    listener.local_addr().expect("it is bound").port()
}
