//! What the endpoint answers by itself.

use axum::body::{Body, HttpBody as _};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::error::Category;

/// What a route answers that refuses a request, in the form in which the endpoint itself and Pip.Services do: JSON with `code`, `status`,
/// `category` and `message`. No cache keeps it.
///
/// ```
/// use wirework::Category;
/// use wirework::http::{axum::http::StatusCode, error_answer};
/// let answer = error_answer(StatusCode::NOT_FOUND, Category::NotFound, "NO_ORDER", "there is no order 7");
/// assert_eq!(answer.status(), 404);
/// ```
#[must_use]
pub fn error_answer(status: StatusCode, category: Category, code: &str, message: &str) -> Response<Body> {
    refusal(status, category.as_str(), code, message)
}

/// A request that the endpoint itself refuses: JSON with the code, the status, the category and a message, as Pip.Services has it.
pub(super) fn refusal(status: StatusCode, category: &str, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "code": code, "status": status.as_u16(), "category": category, "message": message });
    json_answer(status, body.to_string())
}

/// The same with the time after which to try again, in seconds.
pub(super) fn try_later(code: &str, message: &str, seconds: u64) -> Response<Body> {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, "FailedInvocation", code, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A path that only takes `GET` and `HEAD`.
pub(super) fn not_allowed() -> Response<Body> {
    let message = "this path takes GET and HEAD";
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "BadRequest", "METHOD_NOT_ALLOWED", message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The answer of a component's routes, where it refuses the path or the method without a word, as a router does, in the form of all
/// refusals.
pub(super) fn in_words(response: Response<Body>) -> Response<Body> {
    let is_bare = response.headers().get(CONTENT_TYPE).is_none() && response.body().is_end_stream();
    let allowed = response.headers().get(ALLOW).cloned();
    match (response.status(), allowed) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(allowed)) if is_bare => not_among(allowed),
        (StatusCode::NOT_FOUND, _) if is_bare => nothing_here(),
        _ => response,
    }
}

/// Of a path that takes other methods.
fn not_among(allowed: HeaderValue) -> Response<Body> {
    let methods = allowed.to_str().unwrap_or_default().replace(',', ", ");
    let message = format!("this path takes {methods}");
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "BadRequest", "METHOD_NOT_ALLOWED", &message);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// Of a path that nobody has.
pub(super) fn nothing_here() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "NotFound", "NOT_FOUND", "nothing is served at this path")
}

/// JSON that no cache may keep.
pub(super) fn json_answer(status: StatusCode, body: String) -> Response<Body> {
    answer(status, "application/json", Body::from(body))
}

/// A word, with a line end for those who look at it in a terminal.
pub(super) fn text_answer(status: StatusCode, text: &'static str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", Body::from(text))
}

fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
