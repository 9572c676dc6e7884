//! systemd's watchdog: it is fed while the workers answer, however busy they are, and not while they are blocked.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::yield_now;
use wirework::component::{Component, Context};
use wirework::{Category, Descriptor, Error, register};

use crate::running::Running;

/// Keeps the workers busy.
const BUSY: u8 = b'b';
/// Blocks the thread that runs it.
const BLOCK: u8 = b'x';
/// Ends either.
const REST: u8 = b'r';

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadConfig {
    /// Who says what to do.
    address: String,
}

/// Does with its thread what it is told: each command is answered with itself when it is obeyed.
pub struct Load(LoadConfig);

impl Component for Load {
    const DESCRIPTOR: &'static str = "test:load:default:*:1.0";
    const SUMMARY: &'static str = "Keeps workers busy, or blocks one.";
    type Config = LoadConfig;
    type References = ();

    fn create(_: &Descriptor, config: LoadConfig, (): ()) -> Result<Self, Error> {
        Ok(Self(config))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let fail = |error| Error::new(Category::Internal, "NO_LOAD", "nobody commands").with_source(error);
        let master = TcpStream::connect(&self.0.address).map_err(fail)?;
        context.spawn("work", async move { work(master).await.map_err(fail) });
        Ok(())
    }
}
register!(Load);

async fn work(mut master: TcpStream) -> std::io::Result<()> {
    let mut doing = REST;
    loop {
        // The read is what blocks.
        master.set_nonblocking(doing != BLOCK)?;
        let mut command = [0];
        match master.read(&mut command) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                doing = command[0];
                master.set_nonblocking(false)?;
                master.write_all(&command)?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if doing == BUSY {
            let until = Instant::now() + Duration::from_millis(2);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            yield_now().await;
        } else if doing == REST {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Gives a command, and waits until it is obeyed.
fn command(load: &mut TcpStream, what: u8) {
    load.write_all(&[what]).unwrap();
    let mut answer = [0];
    load.read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], what);
}

/// How often the watchdog is fed within a time.
fn pings(systemd: &UnixDatagram, time: Duration) -> usize {
    let until = Instant::now() + time;
    let mut count = 0;
    let mut lines = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return count;
        }
        systemd.set_read_timeout(Some(left)).unwrap();
        match systemd.recv(&mut lines) {
            Ok(length) => count += usize::from(&lines[..length] == b"WATCHDOG=1"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Waits until the watchdog has been fed so many times.
fn await_pings(systemd: &UnixDatagram, count: usize) {
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (mut heard, mut lines) = (0, [0; 4096]);
    while heard < count {
        let length = systemd.recv(&mut lines).expect("it is fed within a minute");
        heard += usize::from(&lines[..length] == b"WATCHDOG=1");
    }
}

pub fn workers_that_are_blocked_stop_the_watchdog() {
    let masters = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = masters.local_addr().unwrap();
    let manifest = format!(
        "[[component]]\ndescriptor = \"pip-services:logger:console:default:1.0\"\n\
         [[component]]\ndescriptor = \"test:load:default:a:1.0\"\naddress = \"{address}\"\n"
    );
    let (mut process, directory) = crate::host(&manifest);
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    // One worker: where there are several, all of them have to be blocked.
    process.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000").env("TOKIO_WORKER_THREADS", "1");
    let running = Running::start(process, directory);
    let (mut load, _) = masters.accept().unwrap();
    await_pings(&systemd, 3);
    command(&mut load, BUSY);
    await_pings(&systemd, 10);
    command(&mut load, BLOCK);
    // One may have been on its way.
    let while_blocked = pings(&systemd, Duration::from_secs(1));
    assert!(while_blocked <= 1, "fed {while_blocked} times in 20 intervals");
    load.write_all(&[REST]).unwrap();
    await_pings(&systemd, 3);
    running.signal("TERM");
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
}
