//! What clients do wrong, and what it costs.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirework_container::run::Container;

use super::gate::{Service, Step};
use super::routes::{SHOP, Shop, shop};
use super::support::within;

const LIMITS: &str = "options.request_max_size = 100\noptions.head_max_size = 8192\noptions.head_timeout = 300\n\
                      options.request_timeout = 300\noptions.max_connections = 4";

async fn open(service: &Service, options: &str) -> Container {
    service.gate.allow(Step::Closed);
    service.host(options, SHOP).factory(shop()).start().await.unwrap()
}

fn post(length: &str, body: &str) -> String {
    format!("POST /shop/orders HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_body_has_its_limit_whether_it_is_announced_or_not() {
    let service = Service::new(false);
    let container = open(&service, LIMITS).await;
    for (length, fits) in [(100, true), (101, false)] {
        let body = "x".repeat(length);
        let told = post(&format!("content-length: {length}"), &body);
        let chunked = post("transfer-encoding: chunked", &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"));
        for request in [told, chunked] {
            let answer = service.server.send(request).await.unwrap();
            assert_eq!(answer.status, if fits { 200 } else { 413 }, "{length} {answer:?}");
        }
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let service = Service::new(false);
    let container = open(&service, LIMITS).await;
    let large = format!("GET /readyz HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let mut many = "GET /readyz HTTP/1.1\r\nhost: test\r\n".to_owned();
    (0..200).for_each(|number| write!(many, "x{number}: y\r\n").unwrap());
    for (request, status) in [
        ("garbage\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /\0 HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
        (post("content-length: 3\r\ncontent-length: 5", "abc"), 400),
        (post("content-length: -1", ""), 400),
        (large, 431),
        (many + "\r\n", 431),
        ("GET /livez HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("GET http://test/livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".to_owned(), 200),
        ("OPTIONS * HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".to_owned(), 404),
        ("CONNECT test:80 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".to_owned(), 404),
    ] {
        let answer = service.server.send(&request).await.unwrap();
        assert_eq!(answer.status, status, "{request:.80} {answer:?}");
    }
    for path in
        ["/shop/../livez", "/shop/%2e%2e/livez", "/%73hop/tea/green", "/shop//tea/green", "/.", "/shop%00/"]
    {
        assert_eq!(service.status(path).await, 404, "{path}");
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let service = Service::new(false);
    let container = open(&service, LIMITS).await;
    // A body that does not come, and an answer that does not.
    let slow = within("the answer", service.server.send(post("content-length: 10", "abc"))).await.unwrap();
    assert_eq!((slow.status, slow.body.contains("REQUEST_TIMEOUT")), (408, true));
    let late = within("the answer", service.server.get("/shop/slow")).await.unwrap();
    assert_eq!((late.status, late.body.contains("TIMEOUT")), (503, true));
    // A head that does not come, on a new connection and after a request, is the end of the connection.
    for begin in [
        "",
        "GET /livez HT",
        "GET /livez HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: test\r\n\r\nGE",
    ] {
        let mut stream = service.server.connect().await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        within(format_args!("the end after {begin:?}"), stream.read_to_end(&mut all)).await.unwrap();
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let service = Service::new(false);
    let container =
        open(&service, &LIMITS.replace("options.head_timeout = 300", "options.head_timeout = 60000")).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = service.server.connect().await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let mut first = [0; 8];
        within("an answer", stream.read_exact(&mut first)).await.unwrap();
        idle.push(stream);
    }
    let server = service.server.clone();
    let mut waiting = tokio::spawn(async move { server.get("/livez").await });
    let soon = tokio::time::timeout(std::time::Duration::from_millis(100), &mut waiting).await;
    assert!(soon.is_err(), "answered before its turn");
    idle.pop();
    assert_eq!(within("its turn", waiting).await.unwrap().unwrap().status, 200);
    // Idle ones do not keep the endpoint from closing.
    within("the close", container.close()).await.unwrap();
}

/// One client that does not send its body, one that is not answered, and one that reads a stream without an end.
#[tokio::test]
async fn what_does_not_end_is_cut_off_when_its_component_and_the_endpoint_close() {
    let service = Service::new(false);
    let container = open(&service, "options.shutdown_timeout = 200").await;
    let mut events = service.server.connect().await.unwrap();
    events.write_all(b"GET /shop/events HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    within("the stream", events.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let server = service.server.clone();
    let slow = tokio::spawn(async move { server.get("/shop/slow").await.unwrap() });
    let mut stream = service.server.connect().await.unwrap();
    stream
        .write_all(b"POST /shop/orders HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nabc")
        .await
        .unwrap();
    let shop = container.get::<Shop>(&"t:shop:http:shop:1.0".parse().unwrap()).unwrap();
    within("the request", shop.asked()).await;
    within("the close", container.close()).await.unwrap();
    assert_eq!(within("the answer", slow).await.unwrap().status, 503);
    let mut rest = Vec::new();
    within("the end of the stream", events.read_to_end(&mut rest)).await.ok();
}
