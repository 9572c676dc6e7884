//! Connections, one task each.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

#[cfg(feature = "tls")]
use super::certificates::Certificates;
use super::config::HttpOptions;
use super::hosts::Hosts;
use super::listener::Listener;
use super::requests::Requests;
use super::stream::{Socket, Stream};
#[cfg(not(feature = "tls"))]
use super::without_tls::Certificates;
use crate::log::{Logger, WarningThrottle};

/// How long to wait after the system has refused a connection, most often since there are too many open files.
const AFTER_REFUSED: Duration = Duration::from_millis(100);

/// What all connections of an endpoint share.
pub(super) struct Server {
    options: HttpOptions,
    requests: Requests,
    logger: Logger,
    /// How many connections there are.
    open: AtomicUsize,
    /// Handshakes that did not come about.
    refused: WarningThrottle,
}

/// What the connections of one listener share.
pub(super) struct ListenerContext {
    /// The names for which they may ask.
    pub hosts: Hosts,
    /// The certificates with which TLS is spoken, where it is.
    pub certificates: Option<Arc<Certificates>>,
}

impl Server {
    pub(super) fn new(options: HttpOptions, requests: Requests, logger: Logger) -> Self {
        let (open, refused) = (AtomicUsize::new(0), WarningThrottle::default());
        Self { options, requests, logger, open, refused }
    }

    /// Takes connections until `end` says so, then lets them end, and cuts off what is left after the time for it.
    pub(super) async fn run(
        self: Arc<Self>,
        listener: Listener,
        context: ListenerContext,
        end: CancellationToken,
    ) {
        let context = Arc::new(context);
        // As many permits as there may be connections: until one is free, clients wait in the queue of the system.
        let permits = Arc::new(Semaphore::new(self.options.max_connections.min(Semaphore::MAX_PERMITS)));
        let mut running = JoinSet::new();
        let mut permit = None;
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => break,
                Some(_) = running.join_next() => {}
                free = Arc::clone(&permits).acquire_owned(), if permit.is_none() => permit = free.ok(),
                accepted = listener.accept(), if permit.is_some() => match accepted {
                    Ok((stream, peer)) => {
                        let (server, context) = (Arc::clone(&self), Arc::clone(&context));
                        let connection = server.serve(stream, peer, context, permit.take(), end.clone());
                        running.spawn(connection.in_current_span());
                    }
                    Err(error) => {
                        tracing::warn!("a connection could not be taken: {error}");
                        sleep(AFTER_REFUSED).await;
                    }
                }
            }
        }
        drop(listener);
        let ended = async { while running.join_next().await.is_some() {} };
        if timeout(self.options.shutdown_timeout.0, ended).await.is_err() {
            tracing::debug!(connections = running.len(), "cut off what did not end in time");
        }
        running.shutdown().await;
    }

    async fn serve(
        self: Arc<Self>,
        stream: Stream,
        peer: Option<SocketAddr>,
        context: Arc<ListenerContext>,
        _permit: Option<OwnedSemaphorePermit>,
        end: CancellationToken,
    ) {
        let _open = OpenConnection::new(&self);
        let Some(certificates) = &context.certificates else {
            return self.converse(stream, peer, context, end).await;
        };
        let handshake = timeout(self.options.head_timeout.0, certificates.accept(stream));
        match end.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => self.converse(stream, peer, context, end).await,
            Some(Ok(Err(why))) => {
                let peer = peer.map_or_else(|| "a client".to_owned(), |peer| peer.to_string());
                self.refused.warn(&self.logger, format_args!("no TLS with {peer}: {why}"));
            }
            Some(Err(_)) => {
                tracing::debug!(peer = peer.map(|peer| peer.to_string()), "a TLS handshake took too long");
            }
            None => {}
        }
    }

    /// Answers the requests of a connection until it ends.
    async fn converse(
        self: Arc<Self>,
        stream: impl Socket + 'static,
        peer: Option<SocketAddr>,
        context: Arc<ListenerContext>,
        end: CancellationToken,
    ) {
        let server = Arc::clone(&self);
        let service = service_fn(move |request| {
            let (server, context) = (Arc::clone(&server), Arc::clone(&context));
            async move { Ok::<_, Infallible>(server.requests.answer(request, peer, &context.hosts).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head_timeout.0)
            .max_buf_size(self.options.head_max_size)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = end.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients can cause it as often as they like.
            tracing::debug!(peer = peer.map(|peer| peer.to_string()), "a connection ended: {error}");
        }
    }
}

/// One connection more, until this is dropped.
struct OpenConnection(Arc<Server>);

impl OpenConnection {
    fn new(server: &Arc<Server>) -> Self {
        server.requests.telemetry().connections(server.open.fetch_add(1, Ordering::Relaxed) + 1);
        Self(Arc::clone(server))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.requests.telemetry().connections(self.0.open.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}
