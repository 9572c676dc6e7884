//! The page: files that are the same for every service and show nothing of it. What they show they ask the API for.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use once_cell::sync::Lazy;
use wirework::http::axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use wirework::http::axum::http::{HeaderMap, HeaderValue, StatusCode};
use wirework::http::axum::middleware::from_fn;
use wirework::http::axum::response::{IntoResponse, Response};
use wirework::http::axum::routing::get;
use wirework::http::axum::{Extension, Router};
use wirework::http::{BaseRoute, WithoutSlash};

use super::authorization::guard_page;
use super::error::AdminError;

/// A file of the page: where it is, what it is, and what is in it.
struct File {
    path: &'static str,
    media: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal, $media:expr, $file:literal;)*) => {
        [$(File { path: $path, media: $media, text: include_str!(concat!("page/", $file)) }),*]
    };
}

const FILES: [File; 10] = files! {
    "/", "text/html; charset=utf-8", "index.html";
    "/style.css", "text/css; charset=utf-8", "style.css";
    "/icon.svg", "image/svg+xml", "icon.svg";
    "/page.js", SCRIPT, "page.js";
    "/api.js", SCRIPT, "api.js";
    "/dom.js", SCRIPT, "dom.js";
    "/graph.js", SCRIPT, "graph.js";
    "/list.js", SCRIPT, "list.js";
    "/panel.js", SCRIPT, "panel.js";
    "/counters.js", SCRIPT, "counters.js";
};

/// The tag by which a browser knows a file again, for each of them.
static TAGS: Lazy<Vec<HeaderValue>> = Lazy::new(|| {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let tag = |file: &File| HeaderValue::try_from(format!("\"{:016x}\"", hasher.hash_one(file.text)));
    FILES.iter().map(|file| tag(file).unwrap_or_else(|_| HeaderValue::from_static("\"\""))).collect()
});

/// The routes of the files.
pub(super) fn router(base: &BaseRoute) -> Router {
    let mut router = Router::new();
    for (index, file) in FILES.iter().enumerate() {
        let base = base.clone();
        let answer = move |headers: HeaderMap, without: Option<Extension<WithoutSlash>>| {
            let response = match without {
                Some(_) => with_slash(&base),
                None => answer(file, TAGS.get(index), &headers),
            };
            std::future::ready(response)
        };
        router = router.route(file.path, get(answer).fallback(async || AdminError::WrongMethod("GET, HEAD")));
    }
    router.layer(from_fn(guard_page))
}

/// To the same address with a `/` behind it, from where the links of the page lead to its files. It is a relative one, so that it holds
/// behind a proxy that has the service at another path too.
fn with_slash(base: &BaseRoute) -> Response {
    let name = base.as_str().rsplit('/').next().unwrap_or_default();
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("{name}/"))]).into_response()
}

fn answer(file: &File, tag: Option<&HeaderValue>, headers: &HeaderMap) -> Response {
    let known = |given: &HeaderValue| {
        let given = given.to_str().unwrap_or_default();
        given.split(',').any(|one| {
            tag.is_some_and(|tag| one.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes())
        })
    };
    let mut response = match headers.get_all(IF_NONE_MATCH).iter().any(known) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, file.media)], file.text).into_response(),
    };
    let headers = response.headers_mut();
    // Kept, and asked for again each time: another version of the service is another page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.clone());
    }
    response
}
