//! Who may ask for what.
//!
//! A browser sends requests for whatever page it shows. The endpoint says whether a request is for a name of its own, so that a name of
//! somebody else that leads to this machine (DNS rebinding) is of no use; `Origin` and `Sec-Fetch-Site` are looked at so that a page of
//! somebody else is not.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use wirework::http::KnownHost;
use wirework::http::axum::Extension;
use wirework::http::axum::extract::{ConnectInfo, Request, State};
use wirework::http::axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HOST, ORIGIN, VIA,
};
use wirework::http::axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use wirework::http::axum::middleware::Next;
use wirework::http::axum::response::{IntoResponse, Response};

use super::error::AdminError;
use super::guesses::Guesses;
use super::token::Token;

/// Who may ask for what, for as long as the controller is open.
pub(super) struct Authorization {
    token: Option<Token>,
    guesses: Guesses,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A Unix socket, which only the user of the process may use.
    UnixSocket,
    /// An address.
    Network(SocketAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnixSocket => f.write_str("a Unix socket"),
            Self::Network(address) => address.fmt(f),
        }
    }
}

impl Authorization {
    pub fn new(token: Option<Token>) -> Self {
        Self { token, guesses: Guesses::default() }
    }

    /// Whether a request may be answered.
    async fn check(&self, method: &Method, headers: &HeaderMap, peer: Peer) -> Result<(), AdminError> {
        if *method == Method::GET || *method == Method::HEAD {
            return if may_read(headers, peer) { Ok(()) } else { self.prove(headers, peer).await };
        }
        if !is_json(headers) {
            return Err(AdminError::NotJson);
        }
        if peer == Peer::UnixSocket { Ok(()) } else { self.prove(headers, peer).await }
    }

    /// Whether the request has the token.
    async fn prove(&self, headers: &HeaderMap, peer: Peer) -> Result<(), AdminError> {
        let Some(token) = &self.token else { return Err(AdminError::NoTokenConfigured) };
        let guess = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(AdminError::NoToken)?;
        self.guesses.begin()?;
        if token.is(guess) {
            return Ok(());
        }
        let wait = self.guesses.wrong();
        tracing::warn!(%peer, wait_ms = wait.as_millis(), "a wrong token for the admin controller");
        tokio::time::sleep(wait).await;
        Err(AdminError::WrongToken)
    }
}

/// Answers whoever may ask for this operation, and says in the log who has changed something. A path or
/// a method that there is not gets 404 or 405 without a look at the token.
pub(super) async fn permit(
    State(authorization): State<Arc<Authorization>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if let Err(error) = authorization.check(&method, request.headers(), peer).await {
        return error.into_response();
    }
    let response = next.run(request).await;
    if method == Method::POST {
        tracing::info!(%peer, %method, path, status = response.status().as_u16(), "an operator's request");
    }
    response
}

/// Answers whoever asks for the API by a name of the service, and not for a page of somebody else.
pub(super) async fn guard(mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(Peer::UnixSocket, |info| Peer::Network(info.0));
    request.extensions_mut().insert(peer);
    if request.extensions().get::<KnownHost>().is_none() {
        return hardened(AdminError::BadHost.into_response());
    }
    match is_own_page(request.headers()) {
        Ok(()) => hardened(next.run(request).await),
        Err(error) => hardened(error.into_response()),
    }
}

/// Answers whoever asks for the page by a name of the service, and not for a page of somebody else. It shows nothing of the service, so
/// that everybody may have it: it asks for the token itself.
pub(super) async fn guard_page(request: Request, next: Next) -> Response {
    if request.extensions().get::<KnownHost>().is_none() {
        return hardened(AdminError::BadHost.into_response());
    }
    match is_own_page(request.headers()) {
        Ok(()) => hardened(next.run(request).await),
        Err(error) => hardened(error.into_response()),
    }
}

/// What may be read without a token: what this machine asks itself, and no proxy asks for somebody else.
fn may_read(headers: &HeaderMap, peer: Peer) -> bool {
    let proxies =
        [FORWARDED, VIA, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];
    match peer {
        Peer::UnixSocket => true,
        Peer::Network(address) => {
            address.ip().to_canonical().is_loopback()
                && !proxies.iter().any(|name| headers.contains_key(name))
        }
    }
}

/// Whether what a browser says of the page that asks fits: its own origin, or none where the user has typed the address.
fn is_own_page(headers: &HeaderMap) -> Result<(), AdminError> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").is_some_and(|(scheme, asked)| {
            matches!(scheme, "http" | "https") && asked.eq_ignore_ascii_case(host)
        })
    });
    let site =
        headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    if origin && site { Ok(()) } else { Err(AdminError::ForeignOrigin) }
}

/// Whether a body is said to be JSON, which no form of a page can say.
fn is_json(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = text.split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case("application/json")
}

/// Adds the headers that keep a browser from taking an answer for something else, framing it, or running what is in it.
fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", CONTENT_SECURITY_POLICY),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // The files of the page say themselves how they are kept.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Scripts and styles are files of the controller; nothing is loaded from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                       connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn authorization() -> Authorization {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "0123456789abcdef").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Authorization::new(Token::read(&path).ok())
    }

    const LOOPBACK: &str = "127.0.0.1:50000";
    const ELSEWHERE: &str = "192.0.2.7:50000";

    async fn asked(method: Method, from: &str, pairs: &[(&'static str, &str)]) -> Result<(), &'static str> {
        let peer = from.parse().map_or(Peer::UnixSocket, Peer::Network);
        authorization().check(&method, &headers(pairs), peer).await.map_err(|error| error.answered_code())
    }

    #[test]
    fn a_page_of_somebody_else_is_refused() {
        let host = ("host", "127.0.0.1:8080");
        let asked = |page| is_own_page(&headers(&[host, page])).map_err(|error| error.answered_code());
        for page in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8081"),
            ("origin", "file://127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(asked(page), Err("FOREIGN_ORIGIN"), "{page:?}");
        }
        for page in [
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(asked(page), Ok(()), "{page:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writing_needs_json_and_the_token_and_so_does_reading_from_elsewhere() {
        let (host, json) = (("host", "127.0.0.1"), ("content-type", "application/json; charset=utf-8"));
        let (right, wrong) =
            (("authorization", "Bearer 0123456789abcdef"), ("authorization", "Bearer 0123456789abcdeF"));
        type Case<'a> = (Method, &'a str, &'a [(&'static str, &'a str)], Result<(), &'a str>);
        let cases: [Case<'_>; 10] = [
            (Method::POST, LOOPBACK, &[host, right], Err("NOT_JSON")),
            (Method::POST, LOOPBACK, &[host, right, ("content-type", "text/plain")], Err("NOT_JSON")),
            (Method::POST, LOOPBACK, &[host, json], Err("NO_TOKEN")),
            (Method::POST, LOOPBACK, &[host, json, wrong], Err("WRONG_TOKEN")),
            (Method::POST, LOOPBACK, &[host, json, right], Ok(())),
            (Method::DELETE, "unix", &[host, json], Ok(())),
            (Method::GET, ELSEWHERE, &[host], Err("NO_TOKEN")),
            (Method::GET, ELSEWHERE, &[host, right], Ok(())),
            (Method::GET, LOOPBACK, &[host, ("x-forwarded-for", "192.0.2.7")], Err("NO_TOKEN")),
            (Method::GET, "unix", &[host], Ok(())),
        ];
        for (method, from, pairs, expected) in cases {
            assert_eq!(asked(method.clone(), from, pairs).await, expected, "{method} {from} {pairs:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_nothing_is_written() {
        let authorization = Authorization::new(None);
        let headers = headers(&[
            ("host", "127.0.0.1"),
            ("content-type", "application/json"),
            ("authorization", "Bearer x"),
        ]);
        let peer = Peer::Network(LOOPBACK.parse().unwrap());
        let refused = authorization.check(&Method::POST, &headers, peer).await;
        assert_eq!(refused.map_err(|error| error.answered_code()), Err("WRITES_CLOSED"));
    }
}
