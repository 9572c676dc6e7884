//! What systemd hears of a service that it has started, at a socket of the test's own.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::running::Running;
use crate::tool::{Said, directory, wirework};

/// A connection to a broker that answers when the test wants.
const CONNECTION: &str = "[[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
                          connection = { host = '127.0.0.1', port = '${PORT}' }\n";
const LOGGER: &str = "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n";

/// Where the test listens in the place of systemd.
struct Systemd {
    socket: UnixDatagram,
    address: String,
    _folder: tempfile::TempDir,
}

impl Systemd {
    fn at_path() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, address: path.to_str().unwrap().to_owned(), _folder: folder }
    }

    fn at_name() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A name that no other test has.
        let name = format!("wirework{}", folder.path().display());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self {
            socket: UnixDatagram::bind_addr(&address).unwrap(),
            address: format!("@{name}"),
            _folder: folder,
        }
    }

    /// The next message.
    fn hears(&self) -> String {
        self.socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut lines = [0; 4096];
        let length = self.socket.recv(&mut lines).expect("a message within a minute");
        String::from_utf8(lines[..length].to_vec()).unwrap()
    }

    /// That there is none, and will be none: the service has ended.
    fn hears_nothing(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let error = self.socket.recv(&mut [0; 64]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

fn start(manifest: &str, address: &str, more: &[&str]) -> Running {
    let directory = directory(&[("service.toml", manifest)]);
    let mut command = wirework(directory.path());
    command.args(["run", "service.toml"]).args(more).env("NOTIFY_SOCKET", address);
    Running::start(command, directory)
}

/// Accepts a client, and reads its CONNECT.
fn connected(broker: &TcpListener) -> (TcpStream, u8) {
    let (mut client, _) = broker.accept().unwrap();
    let mut packet = [0; 512];
    let length = client.read(&mut packet).unwrap();
    assert!(length > 8 && packet[0] == 0x10, "no CONNECT");
    (client, packet[8])
}

/// Lets it in, by the version of the protocol that it speaks.
fn accept((client, version): &mut (TcpStream, u8)) {
    let connack: &[u8] = if *version == 5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
    client.write_all(connack).unwrap();
}

#[test]
fn a_life_is_told_in_order() {
    for systemd in [Systemd::at_path(), Systemd::at_name()] {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!("PORT={}", broker.local_addr().unwrap().port());
        let running = start(CONNECTION, &systemd.address, &["-p", &port]);
        assert_eq!(systemd.hears(), "STATUS=starting: 0 of 1 component open");
        assert_eq!(systemd.hears(), "EXTEND_TIMEOUT_USEC=62000000");
        let mut client = connected(&broker);
        accept(&mut client);
        assert_eq!(systemd.hears(), "READY=1\nSTATUS=ready: 1 component");
        running.signal("TERM");
        assert_eq!(systemd.hears(), "STOPPING=1\nSTATUS=closing: SIGTERM");
        let said = running.end();
        assert_eq!(said.code, Some(0), "{said}");
        systemd.hears_nothing();
    }
}

#[test]
fn a_connection_that_is_lost_is_in_the_status() {
    let systemd = Systemd::at_path();
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("PORT={}", broker.local_addr().unwrap().port());
    let running = start(CONNECTION, &systemd.address, &["-p", &port]);
    let mut client = connected(&broker);
    accept(&mut client);
    while systemd.hears() != "READY=1\nSTATUS=ready: 1 component" {}
    drop(client);
    let lost = "STATUS=ready: 1 component; recovering: pip-services:connection:mqtt:default:1.0";
    assert_eq!(systemd.hears(), lost);
    let mut client = connected(&broker);
    accept(&mut client);
    assert_eq!(systemd.hears(), "STATUS=ready: 1 component");
    running.signal("INT");
    assert_eq!(systemd.hears(), "STOPPING=1\nSTATUS=closing: SIGINT");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let systemd = Systemd::at_path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let manifest = format!(
        "[[component]]\ndescriptor = 'pip-services:broker:mqtt:default:1.0'\nport = {}\n",
        taken.local_addr().unwrap().port()
    );
    let said = start(&manifest, &systemd.address, &[]).end();
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(systemd.hears(), "STATUS=starting: 0 of 1 component open");
    let mut heard = systemd.hears();
    if heard.starts_with("EXTEND_TIMEOUT_USEC=") {
        // It may have failed as soon as it began to open.
        heard = systemd.hears();
    }
    assert_eq!(heard, "STOPPING=1\nSTATUS=closing: cannot open `pip-services:broker:mqtt:default:1.0`");
    systemd.hears_nothing();
}

/// Runs a service to its end, in this environment.
fn runs(environment: &[(&str, &str)]) -> Said {
    let directory = directory(&[("service.toml", LOGGER)]);
    let mut command = wirework(directory.path());
    command.args(["run", "service.toml"]).envs(environment.iter().copied());
    let mut running = Running::start(command, directory);
    running.wait_for(" ready: ");
    running.signal("TERM");
    running.end()
}

/// The lines of the log that are about systemd.
fn about_systemd(said: &Said) -> Vec<String> {
    let told = |line: &&str| line.contains("systemd") || line.contains("NOTIFY_SOCKET");
    // Without the time and the level before it.
    let text = |line: &str| line.find(" WARN ").map_or(line, |at| &line[at + 1..]).to_owned();
    said.err.lines().filter(told).map(text).collect()
}

#[test]
fn nobody_is_told_where_nobody_listens() {
    for environment in [&[][..], &[("NOTIFY_SOCKET", "")], &[("WATCHDOG_USEC", "1000")]] {
        let said = runs(environment);
        assert_eq!((said.code, about_systemd(&said)), (Some(0), Vec::new()), "{said}");
    }
}

#[test]
fn a_bad_socket_is_one_warning() {
    let mut all = String::new();
    let systemd = Systemd::at_path();
    for (socket, watchdog) in [
        ("/nowhere/notify", "2000"),
        ("@nobody-listens-at-this-name", "2000"),
        ("notify", ""),
        ("vsock:2:1234", ""),
        (&systemd.address, "soon"),
    ] {
        let said = runs(&[("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", watchdog)]);
        assert_eq!(said.code, Some(0), "{said}");
        let told = about_systemd(&said);
        assert_eq!(told.len(), 1, "{said}");
        all.push_str(&format!("{}\n", told[0]));
    }
    insta::assert_snapshot!(all);
}

/// The watchdog is meant for one process: another one's children inherit the variable.
#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let systemd = Systemd::at_path();
    let said = runs(&[("NOTIFY_SOCKET", &systemd.address), ("WATCHDOG_USEC", "2000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(said.code, Some(0), "{said}");
    systemd.socket.set_nonblocking(true).unwrap();
    let mut lines = [0; 4096];
    while let Ok(length) = systemd.socket.recv(&mut lines) {
        assert!(!lines[..length].starts_with(b"WATCHDOG"));
    }
}
