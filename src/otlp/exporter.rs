//! Sends what a queue has: in batches, again where that helps, and no longer than it may.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::answer::Answer;
use super::batch::request;
use super::config::{Compression, OtlpOptions};
use super::health::Health;
use super::losses::Losses;
use super::queue::{Item, Queue, records};
use super::resource::Resource;
use super::settings::Settings;
use super::signal::Signal;
use crate::backoff::Backoff;
use crate::count::{Counters, Increment};
use crate::error::chain;
use crate::http_client::{Client, Request, SendError};
use crate::log::Logger;
use crate::tls::TlsConfig;

/// What an exporter counts.
pub(super) struct Counts {
    sent: Increment,
    rejected: Increment,
    retried: Increment,
}

impl Counts {
    /// Under `otlp.<name>.`.
    pub fn new(counters: &Counters, name: &str) -> Self {
        let count = |what| counters.increment(&format!("otlp.{name}.{what}"));
        Self { sent: count("sent"), rejected: count("rejected"), retried: count("retried") }
    }
}

/// What the exporters of a connection share.
pub(super) struct Shared {
    pub options: OtlpOptions,
    pub tls: TlsConfig,
    pub resource: Resource,
    pub logger: Logger,
    pub health: Arc<Health>,
    /// By when all has to be sent, as soon as the connection closes.
    pub closing: watch::Receiver<Option<Instant>>,
}

/// Sends one signal.
pub(super) struct Exporter {
    signal: Signal,
    queue: Arc<Queue>,
    client: Client,
    timeout: Duration,
    compression: Compression,
    retry_timeout: Duration,
    backoff: Backoff,
    resource: Resource,
    counts: Counts,
    losses: Losses,
    health: Arc<Health>,
    closing: watch::Receiver<Option<Instant>>,
}

impl Exporter {
    pub fn new(
        signal: Signal,
        settings: Settings,
        queue: Arc<Queue>,
        counts: Counts,
        shared: &Shared,
    ) -> Self {
        let OtlpOptions { retry_delay, max_retry_delay, retry_timeout, .. } = &shared.options;
        Self {
            signal,
            queue,
            client: Client::new(settings.destination, shared.tls.clone()),
            timeout: settings.timeout,
            compression: settings.compression,
            retry_timeout: retry_timeout.0,
            backoff: Backoff::new(retry_delay.0, max_retry_delay.0),
            resource: shared.resource.clone(),
            counts,
            losses: Losses::new(signal, shared.logger.clone()),
            health: Arc::clone(&shared.health),
            closing: shared.closing.clone(),
        }
    }

    /// Sends until the connection closes, and then what is left, as far as it gets through by the deadline.
    pub async fn run(mut self) {
        while let Some(batch) = self.queue.batch(&mut self.closing).await {
            self.note_overflow();
            if self.deliver(batch).await.is_break() {
                break;
            }
        }
        self.note_overflow();
        let left = self.queue.give_up();
        self.losses.add(left, "the service has ended before they were taken");
        self.losses.tell();
    }

    /// Sends a batch until it is taken or given up; a break where it is of no use to go on.
    async fn deliver(&mut self, batch: Vec<Item>) -> ControlFlow<()> {
        let count = records(&batch);
        let request = match request(&self.resource, &batch, self.compression) {
            Ok(request) => request,
            Err(error) => {
                self.lose(count, format!("they cannot be compressed: {error}"));
                return ControlFlow::Continue(());
            }
        };
        drop(batch);
        let give_up_at = Instant::now() + self.retry_timeout;
        loop {
            let (reason, wait) = match self.attempt(&request).await {
                Ok(Answer::Taken { rejected }) => {
                    self.taken(count, rejected);
                    return ControlFlow::Continue(());
                }
                Ok(Answer::Refused { status }) => {
                    let reason = format!("the collector answers {status}");
                    self.health.failing(self.signal, &reason);
                    self.lose(count, reason);
                    return ControlFlow::Continue(());
                }
                Ok(Answer::Later { status, wait }) => (format!("the collector answers {status}"), wait),
                Err(error) => (chain(&error), None),
            };
            self.health.failing(self.signal, &reason);
            if !self.pause(wait, give_up_at).await {
                self.lose(count, reason);
                return if self.is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            }
            self.note_overflow();
            self.counts.retried.one();
        }
    }

    /// Whether the connection closes, or is gone without having closed.
    fn is_closing(&self) -> bool {
        self.closing.borrow().is_some() || self.closing.has_changed().is_err()
    }

    async fn attempt(&mut self, request: &Request) -> Result<Answer, SendError> {
        let limit = Instant::now() + self.timeout;
        let mut closing = self.closing.clone();
        let closed = async {
            // Of a connection that is gone nothing ends earlier.
            let deadline = closing.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
            sleep_until(deadline.unwrap_or(limit)).await;
        };
        tokio::select! {
            biased;
            reply = self.client.send(request) => reply.map(|reply| Answer::of(&reply)),
            () = sleep_until(limit) => Err(SendError::TimedOut),
            () = closed => Err(SendError::TimedOut),
        }
    }

    /// Waits before the next attempt, at least as long as the collector has `asked` for; whether there is to be one.
    async fn pause(&mut self, asked: Option<Duration>, give_up_at: Instant) -> bool {
        let next = Instant::now() + asked.unwrap_or_default().max(self.backoff.next());
        loop {
            let deadline = *self.closing.borrow_and_update();
            if let Some(deadline) = deadline {
                // While closing, only a `Retry-After` that ends before the deadline is waited for.
                let worth = asked.is_some() && next < deadline;
                if worth {
                    sleep_until(next).await;
                }
                return worth;
            }
            tokio::select! {
                // Given up or not: the collector is left alone so long.
                () = sleep_until(next) => return next <= give_up_at,
                changed = self.closing.changed() => if changed.is_err() || asked.is_none() {
                    // The last attempt, unless the connection is gone.
                    return changed.is_ok();
                },
            }
        }
    }

    fn taken(&mut self, count: usize, rejected: u64) {
        let rejected = usize::try_from(rejected).unwrap_or(usize::MAX).min(count);
        self.counts.sent.add((count - rejected) as u64);
        if rejected > 0 {
            self.counts.rejected.add(rejected as u64);
        }
        self.losses.add(rejected, "the collector has rejected them");
        self.backoff.reset();
        self.health.well(self.signal);
    }

    fn lose(&mut self, records: usize, reason: impl Into<String>) {
        self.queue.drop_records(records);
        self.losses.add(records, reason);
    }

    fn note_overflow(&mut self) {
        let overflowed = self.queue.overflowed();
        self.losses.add(
            overflowed,
            "too many wait for the collector (`options.max_queued_records`, `options.max_queued_bytes`)",
        );
    }
}
