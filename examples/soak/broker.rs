//! The broker of the soak: mosquitto where it is installed, else the embedded one.

use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};

pub enum AnyBroker {
    Mosquitto { process: Process, port: u16, _directory: tempfile::TempDir },
    Embedded(Box<Broker>),
}

/// Ends with the soak, also with one that fails.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It is ours, and has nothing to keep.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl AnyBroker {
    pub async fn start() -> Self {
        match installed("mosquitto") {
            Some(program) => Self::mosquitto(program).await,
            None => {
                let config =
                    BrokerConfig { port: 0, max_queued_messages: 100_000, ..BrokerConfig::default() };
                let broker = Broker::new(config).expect("a good configuration");
                broker.open(&context()).await.expect("it opens");
                Self::Embedded(Box::new(broker))
            }
        }
    }

    /// Without limits: beyond those it would drop messages.
    async fn mosquitto(program: PathBuf) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("mosquitto.conf");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             max_inflight_messages 0\nmax_queued_messages 0\nlog_type error\n"
        );
        std::fs::write(&file, config).expect("a file in it");
        let process = Command::new(program).arg("-c").arg(&file).stdout(Stdio::null()).spawn();
        let process = Process(process.expect("mosquitto starts"));
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < patience, "mosquitto does not listen on port {port}");
            sleep(Duration::from_millis(20)).await;
        }
        Self::Mosquitto { process, port, _directory: directory }
    }

    pub fn port(&self) -> u16 {
        match self {
            Self::Mosquitto { port, .. } => *port,
            Self::Embedded(broker) => broker.address().expect("it is open").port(),
        }
    }

    pub async fn stop(self) {
        match self {
            Self::Mosquitto { process, .. } => drop(process),
            Self::Embedded(broker) => broker.close(&context()).await.expect("it closes"),
        }
    }
}

impl fmt::Display for AnyBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mosquitto { .. } => "mosquitto",
            Self::Embedded(_) => "the embedded broker (mosquitto is not installed)",
        })
    }
}

fn context() -> Context {
    Context::standalone("pip-services:broker:mqtt:soak:1.0".parse().expect("a descriptor"))
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|place| place.join(program)).find(|file| file.is_file())
}
