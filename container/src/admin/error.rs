//! What a request is refused with.

use wirework::http::axum::body::Body;
use wirework::http::axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use wirework::http::axum::http::{HeaderValue, Response, StatusCode};
use wirework::http::axum::response::IntoResponse;
use wirework::http::error_answer;
use wirework::text::escape;
use wirework::{Category, Coded, Descriptor};

use crate::run::{LevelChangeError, RestartError};

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum AdminError {
    #[error("the service is not asked for by this name here; list it in `options.hosts` of the endpoint")]
    BadHost,
    #[error("the request comes from a page of somebody else")]
    ForeignOrigin,
    #[error("this needs `Authorization: Bearer TOKEN`")]
    NoToken,
    #[error("the token is wrong")]
    WrongToken,
    #[error("there were too many wrong tokens; wait")]
    TooManyGuesses,
    #[error(
        "the admin controller has no `options.token_file`: nothing can be changed, and nothing be read from other machines, but over its \
         Unix socket"
    )]
    NoTokenConfigured,
    #[error("what changes something is JSON; send `Content-Type: application/json`")]
    NotJson,
    #[error("no component of the service has the descriptor `{0}`")]
    NoComponent(String),
    #[error("nothing is served at this path")]
    NotFound,
    #[error("this path takes {0}")]
    WrongMethod(&'static str),
    #[error("the service has not handed out its control yet")]
    TooEarly,
    #[error("the body is not the JSON that is wanted here: {0}")]
    BadBody(serde_json::Error),
    #[error("the query of the request has `{}={}`, which means nothing here", escape(.name), escape(.value))]
    BadQuery { name: String, value: String },
    #[error("the answer was given up")]
    NotAnswered(#[source] tokio::task::JoinError),
    #[error(transparent)]
    Level(LevelChangeError),
    #[error(
        "a restart of `{0}` would take along the admin controller that is asked for it; restart the service, or ask on another endpoint"
    )]
    RestartsItself(Descriptor),
    #[error("{error}{behind}", error = .0, behind = causes(.0))]
    Restart(RestartError),
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadHost | Self::ForeignOrigin | Self::NoTokenConfigured => StatusCode::FORBIDDEN,
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::TooManyGuesses => StatusCode::TOO_MANY_REQUESTS,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoComponent(_) | Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotAnswered(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooEarly => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadBody(_) | Self::BadQuery { .. } => StatusCode::BAD_REQUEST,
            Self::RestartsItself(_) => StatusCode::CONFLICT,
            Self::Restart(error) => match error {
                RestartError::UnknownComponent { .. } => StatusCode::NOT_FOUND,
                RestartError::Panicked { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::CONFLICT,
            },
            Self::Level(error) => match error.category() {
                Category::NotFound => StatusCode::NOT_FOUND,
                Category::InvalidState => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            },
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NoToken | Self::WrongToken | Self::TooManyGuesses => Category::Unauthorized,
            Self::NoComponent(_) | Self::NotFound => Category::NotFound,
            Self::TooEarly => Category::InvalidState,
            Self::NotAnswered(_) => Category::Internal,
            Self::Level(error) => error.category(),
            Self::RestartsItself(_) => Category::InvalidState,
            Self::Restart(error) => error.category(),
            _ => Category::BadRequest,
        }
    }

    /// The code in the answer, by which a client decides; docs/guide/admin.md lists them.
    pub fn answered_code(&self) -> &'static str {
        match self {
            Self::BadHost => "HOST_REFUSED",
            Self::ForeignOrigin => "FOREIGN_ORIGIN",
            Self::NoToken => "NO_TOKEN",
            Self::WrongToken => "WRONG_TOKEN",
            Self::TooManyGuesses => "TOO_MANY_GUESSES",
            Self::NoTokenConfigured => "WRITES_CLOSED",
            Self::NotJson => "NOT_JSON",
            Self::NoComponent(_) => "NO_COMPONENT",
            Self::NotFound => "NOT_FOUND",
            Self::WrongMethod(_) => "METHOD_NOT_ALLOWED",
            Self::TooEarly => "NOT_OPEN",
            Self::BadBody(_) => "BAD_BODY",
            Self::BadQuery { .. } => "BAD_QUERY",
            Self::NotAnswered(_) => "NOT_ANSWERED",
            Self::Level(error) => error.code(),
            Self::RestartsItself(_) => "RESTARTS_ITSELF",
            Self::Restart(error) => error.code(),
        }
    }
}

/// What is behind an error, for one that an operator has to know whole.
fn causes(error: &RestartError) -> String {
    std::error::Error::source(error).map(|cause| format!(": {}", wirework::chain(cause))).unwrap_or_default()
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response<Body> {
        let mut response =
            error_answer(self.status(), self.category(), self.answered_code(), &self.to_string());
        let headers = response.headers_mut();
        match self {
            Self::NoToken | Self::WrongToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooManyGuesses => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::WrongMethod(methods) => {
                headers.insert(ALLOW, HeaderValue::from_static(methods));
            }
            _ => {}
        }
        response
    }
}
