//! The body of a request within its limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::http::Request;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Limited;

/// The body of a request is larger than the endpoint takes.
#[derive(Debug)]
pub(super) struct TooLarge;

/// Whether the whole body of a request has come.
#[derive(Clone, Default)]
pub(super) struct BodyProgress(Arc<AtomicBool>);

impl BodyProgress {
    pub(super) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request whose body ends with an error beyond `most` bytes, and when it has come.
///
/// # Errors
/// Its head says that it is larger.
pub(super) fn limited<B>(request: Request<B>, most: usize) -> Result<(Request<Body>, BodyProgress), TooLarge>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let told = request.headers().get(CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.unwrap_or_else(|| request.body().size_hint().lower()) > most as u64 {
        return Err(TooLarge);
    }
    let progress = BodyProgress::default();
    if request.body().is_end_stream() {
        progress.0.store(true, Ordering::Relaxed);
    }
    let noted = progress.clone();
    Ok((
        request.map(|body| Body::new(TrackedBody { body: Limited::new(body, most), progress: noted })),
        progress,
    ))
}

/// Notes when it has ended.
struct TrackedBody<B> {
    body: Limited<B>,
    progress: BodyProgress,
}

impl<B> HttpBody for TrackedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    // An extractor answers with 413 where it finds the error of the limit in it.
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.progress.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
