//! For which of its names an endpoint is asked: the Host of requests.
//!
//! A page can have its own name lead to this machine (DNS rebinding), and then reads what the endpoint answers as its own. The Host of
//! its requests is still that name.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, Response, StatusCode, Version};

use super::answer::refusal;
use crate::config::Invalid;

/// A request is for a name that is known to belong to the endpoint: an IP address, `localhost`, the `host` of the listener, one of
/// `options.hosts`; or it has come over a Unix socket.
///
/// It is in the extensions of requests. A route that changes the service refuses those without it, also where the endpoint takes every
/// name:
///
/// ```
/// use wirework::http::KnownHost;
/// use wirework::http::axum::{Extension, Router, routing::post};
/// // Without the extension axum answers with an error, and the route is not called.
/// let restart = async |Extension(KnownHost { .. }): Extension<KnownHost>| "restarts";
/// let router: Router = Router::new().route("/restart", post(restart));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownHost {}

/// The names of a listener.
pub(super) struct Hosts {
    /// Whether they are the only ones.
    only: bool,
    /// A Unix socket: no name leads there.
    local: bool,
    names: Vec<String>,
}

/// Why a request is refused for its Host.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHost {
    /// There is none, there are several, or it is none that could be.
    Malformed,
    /// It is none of the names.
    Unknown,
}

impl BadHost {
    /// What is answered.
    pub(super) fn answer(&self) -> Response<Body> {
        match self {
            Self::Malformed => {
                let message = "a request has one Host: a name or an address, and a port where it has one";
                refusal(StatusCode::BAD_REQUEST, "BadRequest", "MALFORMED_HOST", message)
            }
            Self::Unknown => {
                let message = "the Host of the request is none of the names of this endpoint";
                refusal(StatusCode::FORBIDDEN, "Unauthorized", "HOST_REFUSED", message)
            }
        }
    }
}

impl Hosts {
    /// Those of a listener at this host; `listed` are those of `options.hosts`.
    pub(super) fn of(host: &str, listed: Option<&[String]>) -> Self {
        let others = listed.unwrap_or_default().iter().map(String::as_str);
        let names = others.chain([host]).map(|name| bare(name).to_owned()).collect();
        Self { only: listed.is_some(), local: false, names }
    }

    /// Those of a Unix socket: any.
    pub(super) fn local() -> Self {
        Self { only: false, local: true, names: Vec::new() }
    }

    /// Whether a request is for a name that is known.
    ///
    /// # Errors
    /// It is to be refused.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<Option<KnownHost>, BadHost> {
        let known = match asked_for(request)? {
            // Browsers always send one.
            None => true,
            Some(host) => self.local || self.has(host),
        };
        match known {
            true => Ok(Some(KnownHost {})),
            false if self.only => Err(BadHost::Unknown),
            false => Ok(None),
        }
    }

    fn has(&self, host: &str) -> bool {
        let name = bare(host);
        let own = || self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        name.eq_ignore_ascii_case("localhost") || address(name) || own()
    }
}

/// A name without the dot by which it is absolute.
fn bare(name: &str) -> &str {
    let name = name.trim();
    name.strip_suffix('.').unwrap_or(name)
}

fn address(host: &str) -> bool {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inside.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// The host that a request is for, without its port; nothing for one of HTTP/1.0 that does not say it.
fn asked_for<B>(request: &Request<B>) -> Result<Option<&str>, BadHost> {
    let mut given = request.headers().get_all(HOST).iter();
    let (first, more) = (given.next(), given.next().is_some());
    if more {
        return Err(BadHost::Malformed);
    }
    // One in the address has the precedence (RFC 9112 section 3.2.2).
    if let Some(authority) = request.uri().authority() {
        return host_of(authority.as_str()).map(Some);
    }
    match first {
        Some(host) if host.is_empty() => Ok(None),
        Some(host) => host_of(host.to_str().map_err(|_| BadHost::Malformed)?).map(Some),
        None if request.version() < Version::HTTP_11 => Ok(None),
        None => Err(BadHost::Malformed),
    }
}

fn host_of(text: &str) -> Result<&str, BadHost> {
    let (host, port) = match text.rfind(':') {
        // A colon inside of brackets is one of the address.
        Some(colon) if !text.get(colon..).is_some_and(|rest| rest.contains(']')) => {
            (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default())
        }
        _ => (text, ""),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%".contains(c);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_part),
    };
    let is_port = port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+');
    if is_host && is_port { Ok(host) } else { Err(BadHost::Malformed) }
}

/// What is wrong with `options.hosts`.
pub(super) fn invalid(listed: &[String]) -> Vec<Invalid> {
    let listed = listed.iter().enumerate();
    let wrong = listed.filter(|(_, name)| {
        let name = name.trim();
        let is_address = name.parse::<IpAddr>().is_ok();
        !is_address && (name.contains('*') || host_of(name).ok() != Some(name))
    });
    let problem = "is no host; write a name or an address, without `https://`, port, path and `*`";
    wrong.map(|(index, _)| Invalid::new(format!("options.hosts.{index}"), problem)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(uri: &str, hosts: &[&str], version: Version) -> Request<()> {
        let builder = Request::builder().uri(uri).version(version);
        hosts.iter().fold(builder, |builder, host| builder.header(HOST, *host)).body(()).unwrap()
    }

    fn check(hosts: &Hosts, host: &str) -> Result<bool, BadHost> {
        hosts.check(&request("/", &[host], Version::HTTP_11)).map(|known| known.is_some())
    }

    #[test]
    fn the_names_of_an_endpoint_are_known_and_others_are_refused_where_there_is_a_list() {
        let (own, list) = ("inside.example", ["api.example.".to_owned()]);
        let (listed, open) = (Hosts::of(own, Some(&list)), Hosts::of(own, None));
        for host in ["127.0.0.1", "10.0.0.1:8080", "[::1]:80", "localhost", "LOCALHOST:1", "inside.example"] {
            assert_eq!((check(&listed, host), check(&open, host)), (Ok(true), Ok(true)), "{host}");
        }
        assert_eq!((check(&listed, "API.example.:443"), check(&open, "api.example")), (Ok(true), Ok(false)));
        let others =
            ["evil.example", "localhost.evil.example", "api.example.evil", "127.0.0.1.evil.example", "1"];
        for host in others {
            assert_eq!(
                (check(&listed, host), check(&open, host)),
                (Err(BadHost::Unknown), Ok(false)),
                "{host}"
            );
        }
        assert_eq!(check(&Hosts::local(), "evil.example"), Ok(true));
    }

    #[test]
    fn what_is_no_host_is_refused_by_all() {
        let open = Hosts::of("127.0.0.1", None);
        for host in ["a b", "a/b", "user@a", "a:x", "a:99999", "[::1", "::1", "[a]", ":80", "a,b:"] {
            let refused = check(&open, host);
            let expected = if host == "a,b:" { Ok(false) } else { Err(BadHost::Malformed) };
            assert_eq!(refused, expected, "{host}");
        }
        let of = |uri, hosts: &[&str], version| {
            open.check(&request(uri, hosts, version)).map(|known| known.is_some())
        };
        assert_eq!(of("/", &[], Version::HTTP_11), Err(BadHost::Malformed));
        assert_eq!(of("/", &[], Version::HTTP_10), Ok(true));
        assert_eq!(of("/", &["a", "a"], Version::HTTP_11), Err(BadHost::Malformed));
        assert_eq!(of("http://evil.example/", &["localhost"], Version::HTTP_11), Ok(false));
        assert_eq!(of("http://localhost/", &["evil.example"], Version::HTTP_11), Ok(true));
    }

    #[test]
    fn a_list_has_hosts_and_nothing_else() {
        let wrong = |host: &str| {
            let found = invalid(&["fine.example".to_owned(), host.to_owned()]);
            found.first().map(|invalid| invalid.key().to_owned())
        };
        for host in ["https://a.example", "a.example:443", "*.example", "a/b", "", "a b"] {
            assert_eq!(wrong(host).as_deref(), Some("options.hosts.1"), "{host}");
        }
        assert_eq!(["a.example", "a.example.", "::1", "10.0.0.1"].map(wrong), [None, None, None, None]);
    }

    proptest! {
        /// Whatever is sent, only what looks like a known name is known.
        #[test]
        fn any_host_is_read_without_a_panic(host in "\\PC{0,24}") {
            if let Ok(found) = host_of(&host) {
                prop_assert!(host.starts_with(found) && !found.is_empty());
            }
        }
    }
}
