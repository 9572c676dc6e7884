//! The page of the admin controller in a real browser: Debian's Chromium, driven by playwright-core from npm.
//!
//! The screenshots are kept in `target/tmp/page`, to be looked at.

#![cfg(all(unix, feature = "admin"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "what it shares with the test `command` it uses in part")]

#[path = "../command/running.rs"]
mod running;
#[path = "../command/tool.rs"]
mod tool;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use running::Running;
use tool::{directory, wirework};

/// Where the variable is 1, a machine without Chromium, or on which what drives it cannot be installed, fails these tests; elsewhere
/// they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_BROWSER";

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/browser");
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// A password that the page must not show.
const CANARY: &str = "canary-91c2";

/// What drives a browser, and the browser.
struct Driver {
    modules: PathBuf,
    browser: PathBuf,
}

/// None where there is no browser, or nothing to drive it.
fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
    DRIVER
        .get_or_init(|| {
            let why = match install() {
                Ok(driver) => return Some(driver),
                Err(why) => why,
            };
            assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{why}, but {REQUIRE}=1");
            // Written past the capture of test output: what was skipped has to be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: the page in a browser: {why}");
            None
        })
        .as_ref()
}

fn install() -> Result<Driver, String> {
    let browser = found("chromium").ok_or("chromium is not installed")?;
    found("node").ok_or("node is not installed")?;
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let done = Command::new("sh").arg(format!("{SCRIPTS}/install.sh")).arg(into).output();
    match done {
        Ok(done) if done.status.success() => {
            let folder = PathBuf::from(String::from_utf8_lossy(&done.stdout).trim());
            Ok(Driver { modules: folder.join("node_modules"), browser })
        }
        done => Err(format!("playwright-core cannot be installed: {done:?}")),
    }
}

/// Where a program is.
fn found(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A port that is free now. Between here and its use another process could take it; then the service says so.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a service in a folder of its own, and waits until it is ready.
fn start(manifest: &str) -> Running {
    let directory = directory(&[("service.toml", manifest), ("token", TOKEN)]);
    let token = directory.path().join("token");
    std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = wirework(directory.path());
    command.args(["run", "service.toml", "-p"]).arg(format!("CANARY={CANARY}"));
    let mut running = Running::start(command, directory);
    running.wait_for(" ready: ");
    running
}

fn stop(running: Running) {
    running.signal("TERM");
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
}

/// Drives the page through a scenario; `please` is called for what the script asks for.
fn drive(scenario: &str, port: u16, mut please: impl FnMut(&str)) {
    let Some(Driver { modules, browser }) = driver() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new("node")
        .arg(format!("{SCRIPTS}/browser.cjs"))
        .args([scenario, &format!("http://127.0.0.1:{port}/admin")])
        .arg(&folder)
        .env("NODE_PATH", modules)
        .envs([("TOKEN", TOKEN), ("CANARY", CANARY)])
        .env("BROWSER", browser)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some(what) = line.strip_prefix("please: ") {
            please(what);
        }
        said.push(line);
    }
    let status = child.wait().unwrap();
    let passed = said.last().is_some_and(|line| line == "passed");
    assert!(status.success() && passed, "{status}:\n{}", said.join("\n"));
}

fn broker(port: u16) -> Running {
    start(&format!(
        "[[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n[[component]]\ndescriptor = 'pip-services:broker:mqtt:default:1.0'\nport = {port}\n"
    ))
}

/// The endpoint and the controller, and a logger.
fn operated(name: &str, port: u16) -> String {
    format!(
        "[service]\nname = '{name}'\ndescription = 'Takes orders and passes them on'\n\
         [[component]]\ndescriptor = 'pip-services:logger:console:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:counters:prometheus:default:1.0'\n\
         [[component]]\ndescriptor = 'pip-services:endpoint:http:default:1.0'\nconnection.port = {port}\n\
         [[component]]\ndescriptor = 'pip-services:admin-controller:http:default:1.0'\noptions.token_file = 'token'\n\
         [[component]]\ndescriptor = 'pip-services:metrics-controller:prometheus:default:1.0'\n"
    )
}

#[test]
fn an_operator_sees_a_service_live_and_raises_a_level() {
    if driver().is_none() {
        return;
    }
    let (port, at_broker) = (free_port(), free_port());
    let manifest = operated("orders", port)
        + &format!(
            "[[component]]\ndescriptor = 'pip-services:credential-store:memory:default:1.0'\n\
             credentials.mqtt = {{ username = 'orders', password = '${{CANARY}}' }}\n\
             [[component]]\ndescriptor = 'pip-services:discovery:memory:default:1.0'\n\
             connections.mqtt = {{ host = '127.0.0.1', port = {at_broker} }}\n\
             [[component]]\ndescriptor = 'pip-services:connection:mqtt:default:1.0'\n\
             connection.discovery_key = 'mqtt'\ncredential.store_key = 'mqtt'\n\
             [[component]]\ndescriptor = 'pip-services:message-queue:memory:inbox:1.0'\n\
             [[component]]\ndescriptor = 'pip-services:message-queue:mqtt:orders:1.0'\noptions.qos = 1\n\
             [[component]]\ndescriptor = 'pip-services:bridge:message-queue:orders:1.0'\n\
             references.source = '*:message-queue:memory:inbox:1.0'\nreferences.target = '*:message-queue:mqtt:orders:1.0'\n"
        );
    let mut server = Some(broker(at_broker));
    let mut service = Some(start(&manifest));
    drive("small", port, |what| match what {
        "stop the broker" => stop(server.take().unwrap()),
        "start the broker" => server = Some(broker(at_broker)),
        "stop the service" => stop(service.take().unwrap()),
        "start the service" => service = Some(start(&manifest)),
        other => panic!("the script asks for `{other}`"),
    });
    service.into_iter().chain(server).for_each(stop);
}

/// How many components the large service has.
const MANY: usize = 2_000;

#[test]
fn two_thousand_components_can_be_used() {
    if driver().is_none() {
        return;
    }
    let port = free_port();
    let mut manifest = operated("warehouse", port);
    let (bridges, others) = (60, 5);
    for number in 0..MANY - bridges - others {
        write!(
            manifest,
            "[[component]]\ndescriptor = 'pip-services:message-queue:memory:queue-{number}:1.0'\n"
        )
        .unwrap();
    }
    for number in 0..bridges {
        write!(
            manifest,
            "[[component]]\ndescriptor = 'pip-services:bridge:message-queue:bridge-{number}:1.0'\n\
             references.source = '*:message-queue:memory:queue-{number}:1.0'\n\
             references.target = '*:message-queue:memory:queue-{}:1.0'\n",
            1_000 + number
        )
        .unwrap();
    }
    let service = start(&manifest);
    drive("large", port, |what| panic!("the script asks for `{what}`"));
    stop(service);
}
