//! The handshake of WebSocket: a request of HTTP, and the broker's answer to it (RFC 6455 section 4).
//!
//! Path and query go out as they were written, since both may be signed. Of the answer the headers count as lists of words
//! without regard to case, as proxies write `Connection: keep-alive, Upgrade`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::connect::Endpoint;
use crate::text::clip;

/// The path where most brokers listen.
const PATH: &str = "/mqtt";

/// The longest head of an answer, in bytes, and the most headers in it.
const LONGEST: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// Sends the request and reads the answer; returns the bytes that came behind the answer.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    endpoint: &Endpoint,
) -> io::Result<Vec<u8>> {
    let key = generate_key();
    stream.write_all(request(endpoint, &key).as_bytes()).await.map_err(cut_off)?;
    stream.flush().await.map_err(cut_off)?;
    let mut heard = Vec::new();
    loop {
        if let Some(length) = answered(&heard, &key)? {
            return Ok(heard.split_off(length));
        }
        if heard.len() >= LONGEST {
            return Err(wrong(format!("the head of the server's answer is longer than {LONGEST} bytes")));
        }
        if stream.read_buf(&mut heard).await.map_err(cut_off)? == 0 {
            return Err(cut_off(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

fn request(endpoint: &Endpoint, key: &str) -> String {
    let host = endpoint.authority();
    let path = endpoint.path.as_deref().unwrap_or(PATH);
    // Further parameters stand in the query, where some brokers want a signature; errors do not show them.
    let query = endpoint.query().map_or_else(String::new, |query| format!("?{query}"));
    format!(
        "GET {path}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
}

/// The length of the head of the answer, once that has come whole and accepts the WebSocket.
fn answered(heard: &[u8], key: &str) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(heard) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(length)) => length,
        Err(error) => {
            let problem = format!(
                "the server answers something that is no HTTP: {error}; does the port speak WebSocket, and the protocol fit (`ws` \
                 without TLS, `wss` with it)?"
            );
            return Err(wrong(problem));
        }
    };
    let status = response.code.unwrap_or_default();
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    };
    if status != 101 {
        return Err(no_upgrade(status, response.reason.unwrap_or_default(), value("location")));
    }
    let lists = |name: &'static str, word: &'static str| {
        let mut all = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let listed = all.any(|header| {
            header
                .value
                .split(|byte| *byte == b',')
                .any(|one| one.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        });
        if listed { Ok(()) } else { Err(wrong(format!("the server answers 101 without `{name}: {word}`"))) }
    };
    lists("Connection", "Upgrade")?;
    lists("Upgrade", "websocket")?;
    if value("Sec-WebSocket-Accept") != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(wrong(
            "the server answers 101 with a `Sec-WebSocket-Accept` that belongs to no request of this client",
        ));
    }
    match value("Sec-WebSocket-Protocol") {
        // Some brokers leave it out.
        None => Ok(Some(length)),
        Some(chosen) if chosen.eq_ignore_ascii_case("mqtt") => Ok(Some(length)),
        Some(chosen) => {
            Err(wrong(format!("the server speaks `{}` over WebSocket, not `mqtt`", clip(chosen))))
        }
    }
}

/// The error of a server that answers with another status than 101.
fn no_upgrade(status: u16, reason: &str, location: Option<&str>) -> io::Error {
    let reason = if reason.is_empty() { String::new() } else { format!(" {}", clip(reason)) };
    let advice = meaning(status, location);
    io::Error::other(format!("the server answers {status}{reason} instead of speaking WebSocket; {advice}"))
}

/// A server that does not speak WebSocket at this port often ends the connection without a word; one of MQTT does so always.
fn cut_off(error: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = error.kind();
    if !matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) {
        return error;
    }
    let problem = "the server closed the connection instead of answering; does the port speak WebSocket, and the protocol fit (`ws` \
                   without TLS, `wss` with it)? Without WebSocket the protocol is `mqtt`, or `mqtts` with TLS";
    io::Error::new(kind, problem)
}

fn wrong(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// The most likely meaning of a status other than 101.
fn meaning(status: u16, location: Option<&str>) -> String {
    match (status, location) {
        (300..400, Some(location)) => {
            // What is behind the path may be a signature.
            let place = location.split(['?', '#']).next().unwrap_or_default();
            format!("it sends clients to {}, which is not followed: connect to that address", clip(place))
        }
        (300..400, None) => "it sends clients elsewhere, without saying where".to_owned(),
        (401, _) => "it wants credentials in the handshake itself, such as a signed or a token parameter of the URI; user name and \
                     password of MQTT come only after it"
            .to_owned(),
        (403, _) => "it does not permit this client, path or signature: has a signed URI expired?".to_owned(),
        (404 | 405, _) => "is the path of the URI right? Without one it is `/mqtt`".to_owned(),
        (400 | 426, _) => "it does not take the request for one of WebSocket: is this the right port and path?".to_owned(),
        (407, _) => "a proxy on the way wants credentials".to_owned(),
        (429, _) => "it takes no more connections for now".to_owned(),
        (502..=504, _) => "a proxy before the broker does not reach it: is the broker itself running?".to_owned(),
        (500.., _) => "it has a failure of its own".to_owned(),
        (200..300, _) => "a web server answers here: is this the right port and path?".to_owned(),
        _ => "is this the right port and path?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::{ConnectionParams, endpoints};
    use crate::mqtt::transport::Kind;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn fails(head: &str) -> String {
        answered(head.as_bytes(), KEY).unwrap_err().to_string()
    }

    #[test]
    fn headers_are_lists_of_words_in_any_case() {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n\
             sec-websocket-accept: {ACCEPT}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        let all = format!("{head}\u{20}rest");
        assert_eq!(answered(all.as_bytes(), KEY).unwrap(), Some(head.len()));
        for end in 0..head.len() {
            assert_eq!(answered(&head.as_bytes()[..end], KEY).unwrap(), None, "{end}");
        }
        assert!(
            fails(&head.replace("keep-alive, UPGRADE", "keep-alive"))
                .contains("without `Connection: Upgrade`")
        );
        assert!(
            fails(&head.replace("WebSocket\r\nconn", "h2c\r\nconn")).contains("without `Upgrade: websocket`")
        );
        assert!(fails(&head.replace(ACCEPT, "x")).contains("`Sec-WebSocket-Accept`"));
        assert!(fails(&head.replace(": mqtt", ": chat")).contains("speaks `chat`"));
        assert!(fails("SSH-2.0-OpenSSH\r\n\r\n").contains("no HTTP"));
    }

    #[test]
    fn each_status_has_its_meaning() {
        let fails = |status: &str| fails(&format!("HTTP/1.1 {status}\r\n\r\n"));
        let cases = [
            (
                "301 Moved\r\nLocation: https://h/x?sig=canary",
                "sends clients to https://h/x, which is not followed",
            ),
            ("302 Found", "elsewhere, without saying where"),
            ("401 Unauthorized", "wants credentials in the handshake itself"),
            ("403 Forbidden", "has a signed URI expired?"),
            ("404 Not Found", "is the path of the URI right?"),
            ("405 Method Not Allowed", "is the path of the URI right?"),
            ("400 Bad Request", "is this the right port and path?"),
            ("426 Upgrade Required", "does not take the request for one of WebSocket"),
            ("407 Proxy", "a proxy on the way wants credentials"),
            ("429 Slow down", "takes no more connections for now"),
            ("418 Teapot", "is this the right port and path?"),
            ("502 Bad Gateway", "a proxy before the broker does not reach it"),
            ("500 Oh", "a failure of its own"),
            ("200 OK", "a web server answers here"),
        ];
        for (status, expected) in cases {
            let shown = fails(status);
            assert!(shown.contains(expected) && !shown.contains("canary"), "{shown}");
        }
    }

    async fn answer(bytes: &[u8]) -> io::Error {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        let uri = ConnectionParams::from_uri("ws://broker.example:1883".parse().unwrap());
        let endpoint = endpoints(&[uri], None, Kind::PROTOCOLS).unwrap().remove(0);
        let failed = upgrade(&mut ours, &endpoint).await.unwrap_err();
        drop(theirs);
        failed
    }

    #[tokio::test]
    async fn a_port_that_speaks_something_else_is_asked_for() {
        let closed = answer(b"").await;
        assert_eq!(closed.kind(), io::ErrorKind::UnexpectedEof);
        assert!(closed.to_string().contains("Without WebSocket the protocol is `mqtt`"), "{closed}");
        // A broker answers a CONNECT of MQTT so.
        let mqtt = answer(&[0x20, 2, 0, 1]).await.to_string();
        assert!(mqtt.contains("no HTTP") && mqtt.contains("does the port speak WebSocket"), "{mqtt}");
        let long = answer(format!("HTTP/1.1 101 x\r\nA: {}\r\n", "y".repeat(LONGEST)).as_bytes()).await;
        assert!(long.to_string().contains("is longer than 16384 bytes"), "{long}");
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
            let reset = cut_off(kind.into());
            assert!(
                reset.kind() == kind && reset.to_string().contains("does the port speak WebSocket"),
                "{reset}"
            );
        }
        assert_eq!(cut_off(io::ErrorKind::TimedOut.into()).to_string(), "timed out");
    }
}
