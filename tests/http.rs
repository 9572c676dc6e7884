//! The example `http`: a REST controller at the stock endpoint.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod support;

use std::path::Path;

use support::http::Server;
use support::process::Process;
use support::within;
use tokio::process::Command;

/// The example's binary, which `cargo test` builds beside this test: `target/<profile>/examples/http`.
fn http() -> Command {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let program = profile.join("examples").join(format!("http{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{program:?} is missing; `cargo test` or `cargo build --examples` builds it");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("LOG_LEVEL");
    command
}

#[tokio::test]
async fn it_greets_over_http_until_the_service_closes() {
    let mut service = Process::start(http().args(["run", "-p", "HTTP_PORT=0"]));
    let line = service.line_with("listens on http://").await;
    let server = Server::Tcp(line.rsplit_once("http://").unwrap().1.parse().unwrap());
    service.line_with(" ready: 5 components").await;

    let get = async |path: &str| within("the answer", server.get(path)).await.unwrap();
    let greeting = get("/hello_world/greeting?name=John").await;
    assert_eq!((greeting.status, greeting.body.as_str()), (200, "Hello, John!"));
    assert_eq!(get("/hello_world/greeting").await.status, 400);
    assert_eq!(get("/readyz").await.body, "ready\n");
    assert_eq!((get("/heartbeat").await.status, get("/status").await.status), (200, 200));

    service.signal("TERM").await;
    assert_eq!(service.exit_code().await, Some(0), "{:?}", service.said);
    assert!(server.connect().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut service = Process::start(http().args(["run", "-p", &format!("HTTP_PORT={port}")]));
    service
        .line_with(&format!("port {port} on 127.0.0.1 is in use; set `connection.port` to another one"))
        .await;
    service.line_with("HTTP_PORT").await;
    assert_eq!(service.exit_code().await, Some(1));
}

#[tokio::test]
async fn the_version_is_that_of_the_service() {
    let mut service = Process::start(http().arg("--version"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(service.next_line().await.unwrap(), format!("http {version} (wirework {version})"));
    assert_eq!(service.exit_code().await, Some(0));
}
