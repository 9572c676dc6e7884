//! The example `http`: a component that is an axum server, asked over HTTP.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod support;

use std::path::Path;

use support::process::Process;
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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

/// Posts a body; returns the status line and what was answered.
async fn post(address: &str, path: &str, body: &str) -> (String, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = within("the answer", async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let answer = answer.await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn orders_are_placed_and_taken_over_http_until_the_service_closes() {
    let mut service = Process::start(http().args(["run", "-p", "HTTP_PORT=0"]));
    let line = service.line_with("listens on http://").await;
    let address = line.rsplit_once("http://").unwrap().1.to_owned();
    service.line_with(" ready: 3 components").await;

    let accepted = ("HTTP/1.1 202 Accepted".to_owned(), String::new());
    for order in ["tea", "cake"] {
        assert_eq!(post(&address, "/orders", order).await, accepted);
    }
    for order in ["tea", "cake"] {
        let taken = ("HTTP/1.1 200 OK".to_owned(), order.to_owned());
        assert_eq!(post(&address, "/orders/next", "").await, taken);
    }
    assert_eq!(post(&address, "/orders/next", "").await.0, "HTTP/1.1 204 No Content");
    assert_eq!(post(&address, "/nothing", "").await.0, "HTTP/1.1 404 Not Found");

    service.signal("TERM").await;
    assert_eq!(service.exit_code().await, Some(0), "{:?}", service.said);
    assert!(TcpStream::connect(&address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut service = Process::start(http().args(["run", "-p", &format!("HTTP_PORT={port}")]));
    service.line_with(&format!("listening on 127.0.0.1:{port}: Address already in use")).await;
    assert_eq!(service.exit_code().await, Some(1));
}

#[tokio::test]
async fn the_version_is_that_of_the_service() {
    let mut service = Process::start(http().arg("--version"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(service.next_line().await.unwrap(), format!("http {version} (wirework {version})"));
    assert_eq!(service.exit_code().await, Some(0));
}
