//! A collector of telemetry, or a Pushgateway, that answers what a test has it answer, and keeps what it is sent.

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::within;

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status, and the seconds of `Retry-After`, with a body that nobody may show.
    Status(u16, Option<u64>),
    /// It takes all but so many records.
    Partly(u8),
    /// Nothing, for ever.
    Silence,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub at: Instant,
    /// How many bytes came.
    pub length: usize,
    /// The body, no longer compressed.
    pub body: Vec<u8>,
}

impl Request {
    /// The records in it, as they are encoded.
    pub fn records(&self) -> Vec<&[u8]> {
        let scopes = parts(&self.body, 1).into_iter().flat_map(|resource| parts(resource, 2));
        scopes.flat_map(|scope| parts(scope, 2)).collect()
    }

    pub fn has(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

/// The messages in a message that have this number; there is nothing but messages in it.
fn parts(mut bytes: &[u8], number: u8) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [key, rest @ ..] = bytes {
        let (mut length, mut shift, mut rest) = (0_usize, 0, rest);
        loop {
            let (byte, after) = rest.split_first().expect("a length");
            (length, shift, rest) = (length | usize::from(byte & 0x7f) << shift, shift + 7, after);
            if byte & 0x80 == 0 {
                break;
            }
        }
        assert_eq!(key & 7, 2, "a message");
        if key >> 3 == number {
            found.push(&rest[..length]);
        }
        bytes = &rest[length..];
    }
    found
}

pub struct Collector {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _running: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Request>>,
    came: Notify,
}

impl Collector {
    /// One that gives these answers, one after the other, and then takes everything.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect());
        let shared = Arc::new(Shared { answers, ..Shared::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut running = JoinSet::new();
        running.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _running: running }
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests, when there are so many.
    pub async fn requests(&self, count: usize) -> Vec<Request> {
        within(format_args!("{count} requests"), async {
            loop {
                let came = self.shared.came.notified();
                let requests = self.shared.requests.lock().expect("no test panics with it").clone();
                if requests.len() >= count {
                    return requests;
                }
                came.await;
            }
        })
        .await
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let gzip = headers.get("content-encoding").is_some_and(|coding| coding == "gzip");
    let mut body = Vec::new();
    if gzip {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut body).expect("gzip");
    } else {
        body.extend_from_slice(&bytes);
    }
    let (path, length) = (uri.to_string(), bytes.len());
    let request = Request { method, path, headers, at: Instant::now(), length, body };
    shared.requests.lock().expect("no test panics with it").push(request);
    shared.came.notify_waiters();
    let answer = shared.answers.lock().expect("no test panics with it").pop_front();
    match answer.unwrap_or(Answer::Status(200, None)) {
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            StatusCode::OK.into_response()
        }
        Answer::Partly(rejected) => vec![0x0a, 2, 8, rejected].into_response(),
        Answer::Status(status, wait) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = if status.is_success() { Vec::new() } else { b"canary".to_vec() };
            let mut response = (status, body).into_response();
            if let Some(seconds) = wait {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            response
        }
    }
}
