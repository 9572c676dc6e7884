//! One request to the admin API of a running service.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::time::timeout;
use wirework::config::Secret;
use wirework::file::{ReadError, read};

use super::address::{Address, Place, Target};

/// How long a service may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest answer, in bytes; 2,000 components have less than one.
const LONGEST: usize = 64 * 1024 * 1024;

/// The longest file with a token, in bytes.
const LONGEST_TOKEN: u64 = 4 * 1024;

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Request<'b> {
    /// Nothing: it changes nothing.
    Read,
    /// A body that says what is to be done.
    Write(&'b Value),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::cli) enum AskError {
    #[error("nothing answers at {address}: the service does not run, or was started with another manifest")]
    NotRunning { address: Address, source: io::Error },
    #[error("the service did not answer at {address} within {} s", LIMIT.as_secs())]
    Silent { address: Address },
    #[error("what answers at {address} does not speak HTTP")]
    NotHttp { address: Address, source: hyper::Error },
    #[error("what answers at {address} is no admin controller of Wirework: {status}")]
    NotOurs { address: Address, status: StatusCode },
    #[error("the service refuses it: {message}")]
    Refused { message: String },
    #[error("the service wants its token; name the file that has it with `--token-file`")]
    NoToken,
    #[error("cannot read the token `{}`", .path.display())]
    Token { path: PathBuf, source: ReadError },
    #[error("the system refuses a runtime")]
    System(#[source] io::Error),
}

/// Sends one request and waits for its answer.
pub(super) fn ask(target: &Target, request: Request<'_>, path: &str) -> Result<Value, AskError> {
    let token = match &target.token_file {
        Some(path) => Some(token(path).map_err(|source| AskError::Token { path: path.clone(), source })?),
        None => None,
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(AskError::System)?;
    let silent = |_| AskError::Silent { address: target.address.clone() };
    let answered =
        async { timeout(LIMIT, exchange(&target.address, request, path, token)).await.map_err(silent)? };
    runtime.block_on(answered)
}

fn token(path: &std::path::Path) -> Result<Secret, ReadError> {
    let text = String::from_utf8_lossy(&read(path, LONGEST_TOKEN)?).trim().to_owned();
    Ok(Secret::new(text))
}

async fn exchange(
    address: &Address,
    request: Request<'_>,
    path: &str,
    token: Option<Secret>,
) -> Result<Value, AskError> {
    let has_token = token.is_some();
    let away = |source| AskError::NotRunning { address: address.clone(), source };
    let sent = message(address, request, path, token);
    let (status, body) = match &address.place {
        Place::Tcp { host, port } => {
            send(TcpStream::connect((host.as_str(), *port)).await.map_err(away)?, sent).await
        }
        Place::Unix(path) => send(UnixStream::connect(path).await.map_err(away)?, sent).await,
    }
    .map_err(|source| AskError::NotHttp { address: address.clone(), source })?;
    let not_ours = || AskError::NotOurs { address: address.clone(), status };
    let value: Value = serde_json::from_slice(&body).map_err(|_| not_ours())?;
    if status.is_success() {
        return Ok(value);
    }
    if status == StatusCode::UNAUTHORIZED && !has_token {
        return Err(AskError::NoToken);
    }
    let message = value.get("message").and_then(Value::as_str).ok_or_else(not_ours)?;
    Err(AskError::Refused { message: message.to_owned() })
}

fn message(
    address: &Address,
    request: Request<'_>,
    path: &str,
    token: Option<Secret>,
) -> hyper::Request<Full<Bytes>> {
    let (method, body) = match request {
        Request::Read => ("GET", Bytes::new()),
        Request::Write(body) => ("POST", Bytes::from(body.to_string())),
    };
    let host = match &address.place {
        Place::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Place::Tcp { host, port } => format!("{host}:{port}"),
        Place::Unix(_) => "localhost".to_owned(),
    };
    let mut message = hyper::Request::builder()
        .method(method)
        .uri(format!("{}/api/{path}", address.base.trim_end_matches('/')))
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        message = message.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    // All parts are texts that were read as such; what is no header becomes a request without a path, which is refused.
    message.body(Full::new(body)).unwrap_or_default()
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: hyper::Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), hyper::Error> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let response = sender.send_request(request).await?;
        drop(sender);
        received(response).await
    };
    let (answered, ended) = tokio::join!(answered, connection);
    // What the service has answered counts, however the connection ends.
    answered.or_else(|error| ended.and(Err(error)))
}

async fn received(response: Response<hyper::body::Incoming>) -> Result<(StatusCode, Bytes), hyper::Error> {
    let status = response.status();
    // Longer than what an admin controller can have said is none.
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    Ok((status, body.map(http_body_util::Collected::to_bytes).unwrap_or_default()))
}
