//! Which pages of other origins may read answers: cross-origin resource sharing (the Fetch standard).

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::answer::refusal;
use crate::config::Invalid;

/// All origins.
const ANY: &str = "*";

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// How long a browser may remember what it was permitted, in seconds.
const MAX_AGE: &str = "600";

/// The origins whose pages may read answers.
pub(super) struct Cors {
    /// The origins, as they are answered.
    origins: Arc<[HeaderValue]>,
    any: bool,
    headers: Option<HeaderValue>,
    credentials: bool,
}

impl Cors {
    /// For these origins, whose pages may send these headers; nothing where there is no origin.
    pub(super) fn of(origins: &[String], headers: &[String], credentials: bool) -> Option<Self> {
        let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let origins: Arc<[_]> = origins.collect();
        let headers = headers.join(", ");
        (!origins.is_empty()).then(|| Self {
            any: origins.iter().any(|origin| origin == ANY),
            origins,
            headers: HeaderValue::from_str(&headers).ok().filter(|headers| !headers.is_empty()),
            credentials,
        })
    }

    /// The answer to a browser that asks whether it may send a request; nothing where it does not ask.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let headers = request.headers();
        let origin = headers.get(ORIGIN)?;
        if *request.method() != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        if self.permitted(origin).is_none() {
            let message = "pages of this origin may not use this endpoint";
            return Some(refusal(StatusCode::FORBIDDEN, "Unauthorized", "ORIGIN_REFUSED", message));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answered = response.headers_mut();
        answered.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        answered.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        if let Some(headers) = &self.headers {
            answered.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        Some(response)
    }

    /// Says in an answer whether a page of this origin may read it.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, answered: &mut HeaderMap) {
        if !self.any {
            answered.append(VARY, HeaderValue::from_name(ORIGIN));
        }
        let Some(permitted) = origin.and_then(|origin| self.permitted(origin)) else {
            answered.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
            return;
        };
        answered.insert(ACCESS_CONTROL_ALLOW_ORIGIN, permitted);
        if self.credentials && !self.any {
            answered.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// What is answered to this origin: as it is configured, never as it came.
    fn permitted(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self.any {
            true => Some(HeaderValue::from_static(ANY)),
            false => self.origins.iter().find(|one| *one == origin).cloned(),
        }
    }
}

/// What is wrong with the keys that begin with `options.cors`.
pub(super) fn invalid(origins: &[String], headers: &[String], credentials: bool) -> Vec<Invalid> {
    let any = origins.iter().any(|origin| origin == ANY);
    let origins = origins.iter().enumerate().filter(|(_, origin)| !is_origin(origin));
    let problem = "is no origin as browsers write it: `https://app.example.com`, in lower case, with a port where it is not that of the \
                   scheme, and nothing behind it; or `*`";
    let mut found: Vec<_> =
        origins.map(|(index, _)| Invalid::new(format!("options.cors_origins.{index}"), problem)).collect();
    let headers = headers.iter().enumerate().filter(|(_, name)| HeaderName::try_from(name.as_str()).is_err());
    found.extend(
        headers.map(|(index, _)| {
            Invalid::new(format!("options.cors_headers.{index}"), "is no name of a header")
        }),
    );
    if credentials && any {
        let problem =
            "is true beside the origin `*`: any page could act for whoever looks at it; name the origins";
        found.push(Invalid::new("options.cors_credentials", problem));
    }
    found
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return text == ANY };
    let written = format!("{scheme}://{authority}").to_ascii_lowercase();
    let default_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
    written == text && !text.contains(['*', '@']) && !default_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(origins: &[&str], credentials: bool) -> Vec<String> {
        let found =
            invalid(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>(), &[], credentials);
        found.iter().map(|invalid| invalid.key().to_owned()).collect()
    }

    fn cors(origin: &str, credentials: bool) -> Cors {
        Cors::of(&[origin.to_owned()], &["X-One".to_owned(), "X-Two".to_owned()], credentials).unwrap()
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in
            ["*", "https://a.example", "http://a.example:8080", "http://[::1]:8080", "app://localhost"]
        {
            assert!(wrong(&[origin], false).is_empty(), "{origin}");
        }
        for origin in [
            "",
            "null",
            "a.example",
            "https://a.example/",
            "https://A.example",
            "https://*.example",
            "https://a b",
            "https://u@a.example",
            "https://a.example:443",
            "https://a.example/x",
            "https://a.example\r\nx: y",
        ] {
            assert_eq!(
                wrong(&["https://fine.example", origin], false),
                ["options.cors_origins.1"],
                "{origin}"
            );
        }
        assert_eq!(wrong(&["*"], true), ["options.cors_credentials"]);
        let found = invalid(&[], &["X One".to_owned()], false);
        assert_eq!(found.first().map(Invalid::key), Some("options.cors_headers.0"));
    }

    #[test]
    fn only_what_is_listed_is_answered() {
        let answered = |cors: &Cors, origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("http://of.a.component"));
            cors.mark(Some(&HeaderValue::from_str(origin).unwrap()), &mut headers);
            let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            [text(ACCESS_CONTROL_ALLOW_ORIGIN), text(ACCESS_CONTROL_ALLOW_CREDENTIALS), text(VARY)]
        };
        let some = |text: &str| Some(text.to_owned());
        let listed = cors("https://a.example", true);
        assert_eq!(
            answered(&listed, "https://a.example"),
            [some("https://a.example"), some("true"), some("origin")]
        );
        assert_eq!(answered(&listed, "https://b.example"), [None, None, some("origin")]);
        assert_eq!(answered(&listed, "null"), [None, None, some("origin")]);
        let any = cors("*", false);
        assert_eq!(answered(&any, "https://b.example"), [some("*"), None, None]);
        // Not even where the configuration was not checked.
        let both = cors("*", true);
        assert_eq!(answered(&both, "https://b.example"), [some("*"), None, None]);
        assert!(Cors::of(&[], &[], false).is_none());
    }
}
