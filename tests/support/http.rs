//! A small HTTP client that writes what a test tells it, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Server {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection to a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Server {
    pub async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// Sends these bytes on a new connection, and reads until the server ends it.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> io::Result<Answer> {
        Self::converse(&mut self.connect().await?, request).await
    }

    /// The same on a connection that is there.
    pub async fn converse(
        stream: &mut (impl Stream + ?Sized),
        request: impl AsRef<[u8]>,
    ) -> io::Result<Answer> {
        parse(&String::from_utf8_lossy(&Self::exchange(stream, request).await?))
    }

    /// Head and body of the answer as they came, of a body that is no text.
    pub async fn send_for_bytes(&self, request: impl AsRef<[u8]>) -> io::Result<(String, Vec<u8>)> {
        let answer = Self::exchange(&mut self.connect().await?, request).await?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        let (head, body) = answer.split_at(end);
        Ok((String::from_utf8_lossy(head).into_owned(), body.to_vec()))
    }

    async fn exchange(stream: &mut (impl Stream + ?Sized), request: impl AsRef<[u8]>) -> io::Result<Vec<u8>> {
        // A server that refuses early may end the connection while the rest is written.
        let written = stream.write_all(request.as_ref()).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        if answer.is_empty() {
            written?;
            read?;
        }
        Ok(answer)
    }

    /// A request without a body on a connection of its own.
    pub async fn ask(&self, method: &str, path: &str) -> io::Result<Answer> {
        self.send(format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")).await
    }

    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path).await
    }
}

fn parse(text: &str) -> io::Result<Answer> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, format!("no answer of HTTP: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
