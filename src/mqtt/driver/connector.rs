//! Getting a link: endpoint after endpoint, sweep after sweep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::endpoints::MOST_HOPS;
use super::handshake::{self, Welcome};
use super::link_state::LinkState;
use super::refusing::Patience;
use super::sweep::Sweep;
use super::task::{Ending, Link, Linked, attend, limit};
use crate::connect::Endpoint;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Kind, Stream, dial};
use crate::mqtt::{Lost, MqttError};
use crate::text::clip;

/// How long discovery and credential stores may take before what was known is used.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How much of the time to open is kept for the last attempt at most.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// What an attempt comes to: where it ended, and how.
type Attempt<P> = Result<Linked<P>, (Endpoint, Lost)>;

impl Link {
    /// The first link: sweeps over the endpoints until one welcomes us, all refuse us for good, or time is up. The last wait
    /// ends early enough for one more attempt.
    pub(super) async fn open<P: Protocol>(&mut self) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let started = Instant::now();
        let limit = limit(settings.connect_timeout);
        let deadline = started + limit;
        let last_attempt = deadline - LAST_ATTEMPT.min(limit / 10);
        let mut told = false;
        loop {
            let missed = match self.sweep::<P>(deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(missed) => missed,
            };
            if let Some((at, lost)) = missed.end() {
                return Err(Ending::Failed(refused(&at, lost)));
            }
            let retry = settings.retry_connect && !missed.is_hopeless();
            let Some((at, last)) = missed.telling() else {
                return Err(Ending::Failed(MqttError::NotOpen));
            };
            let now = Instant::now();
            if !retry || now >= last_attempt {
                return Err(Ending::Failed(self.not_opened(&at, last, started.elapsed())));
            }
            if !std::mem::replace(&mut told, true) {
                self.not_yet(&at, &last);
            }
            let next = (now + self.backoff.next()).min(last_attempt);
            self.pause(sleep_until(next)).await?;
            self.look_up().await?;
        }
    }

    /// Why opening has failed: what the only broker there is has answered, or what happened last.
    fn not_opened(&self, at: &Endpoint, last: Lost, waited: Duration) -> MqttError {
        if self.endpoints.count() == 1 && matches!(last, Lost::Refused { .. }) {
            return refused(at, last);
        }
        MqttError::ConnectFailed { endpoints: self.endpoints.names().into(), waited, source: last }
    }

    /// Says once what opening waits for, which can take long.
    fn not_yet(&self, at: &Endpoint, lost: &Lost) {
        let (limit, cause) = (self.core.settings.connect_timeout, crate::error::chain(lost));
        let until =
            if limit.is_zero() { String::new() } else { format!(" for up to {} ms", limit.as_millis()) };
        let logger = &self.core.logger;
        logger.warn(format_args!(
            "Cannot connect to the MQTT broker at {at} yet, trying again{until}: {cause}"
        ));
    }

    /// Another link, however long it takes; only a refusal that will not change, or that has not changed for
    /// `options.refusal_timeout`, ends it. With `at_once` the last one was left for a better one.
    pub(super) async fn reconnect<P: Protocol>(&mut self, at_once: bool) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let mut at_once = at_once;
        let mut patience = Patience::new(settings.refusal_timeout);
        loop {
            if !std::mem::take(&mut at_once) {
                let wait = patience.shorten(self.backoff.next(), Instant::now());
                self.pause(sleep(wait)).await?;
                self.look_up().await?;
            }
            self.relief().await?;
            let deadline = Instant::now() + limit(settings.connect_timeout);
            let missed = match self.sweep::<P>(deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(missed) => missed,
            };
            if let Some((at, lost)) = missed.end() {
                let began = patience.began();
                let waits = settings.retry_connect && missed.is_about_us();
                if !waits || patience.is_over(Instant::now()) {
                    return Err(Ending::Failed(refused(&at, lost)));
                }
                if !began {
                    self.refused_for_now(&at, &lost);
                }
                continue;
            }
            patience.reset();
            if !settings.retry_connect {
                let error = missed.telling().map_or(MqttError::NotOpen, |(_, lost)| MqttError::Down(lost));
                return Err(Ending::Failed(error));
            }
        }
    }

    /// Says once that a broker does not know the client any more, which may change again.
    fn refused_for_now(&self, at: &Endpoint, lost: &Lost) {
        let (limit, cause) = (self.core.settings.refusal_timeout, crate::error::chain(lost));
        let logger = &self.core.logger;
        logger.error(
            None,
            format_args!(
                "The MQTT broker at {at} refuses the client, which it had welcomed; credentials are looked up again and \
                 it is tried for up to {} ms (`options.refusal_timeout`): {cause}",
                limit.as_millis()
            ),
        );
    }

    /// Asks anew where the brokers are and who we are there.
    async fn look_up(&mut self) -> Result<(), Ending> {
        let limit = limit(self.core.settings.connect_timeout).min(LOOK_UP);
        let logger = self.core.logger.clone();
        tokio::select! {
            biased;
            () = attend(&mut self.core) => Err(Ending::Closed),
            () = self.endpoints.refresh(limit, &logger) => Ok(()),
        }
    }

    /// One attempt at each endpoint; each may use an equal share of the time that is left. A broker that refuses us for good
    /// is passed over as long as another one may welcome us; when all have refused, the sweep is over.
    async fn sweep<P: Protocol>(&mut self, deadline: Instant) -> Result<Result<Linked<P>, Sweep>, Ending> {
        let order = self.endpoints.order(Instant::now());
        let count = order.len();
        let mut missed = Sweep::new(self.endpoints.count());
        for (index, endpoint) in order.iter().enumerate() {
            let left = u32::try_from(count - index).unwrap_or(1).max(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let (at, lost) = match self.attempt::<P>(endpoint, share).await? {
                Ok(linked) => {
                    self.endpoints.welcomed(endpoint);
                    return Ok(Ok(linked));
                }
                Err(failed) => failed,
            };
            self.endpoints.failed(endpoint, Instant::now());
            // Where a broker has sent us comes before the list, and is no part of it.
            missed.add(at.clone(), lost.clone(), count - index <= self.endpoints.count());
            let end = missed.end().is_some();
            if lost.is_final() && !end && self.endpoints.refused(&at) {
                let cause = crate::error::chain(&lost);
                let logger = &self.core.logger;
                logger.warn(format_args!("The MQTT broker at {at} is passed over for others: {cause}"));
            }
            if !self.core.is_new() {
                self.still_down(lost);
            }
            if end {
                break;
            }
        }
        Ok(Err(missed))
    }

    fn still_down(&mut self, lost: Lost) {
        if self.core.down.is_none() {
            // The last link was left in good order, for one that did not come about.
            self.core.lost(&lost);
        }
        self.core.down = Some(lost.clone());
        self.state.send_replace(LinkState::Down(lost));
    }

    /// One attempt at one endpoint, or where that sends us.
    async fn attempt<P: Protocol>(
        &mut self,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Attempt<P>, Ending> {
        let deadline = Instant::now() + limit;
        let mut at = endpoint.clone();
        let mut hops = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let lost = match self.approach::<P>(&at, left).await? {
                Ok(welcome) => return Ok(Ok((welcome, at))),
                Err(lost) => lost,
            };
            let next = match &lost {
                Lost::Refused { server_reference: Some(reference), .. }
                    if lost.is_elsewhere() && hops < MOST_HOPS =>
                {
                    self.endpoints.direct(&at, reference, &self.core.logger)
                }
                _ => None,
            };
            let Some(next) = next else { return Ok(Err((at, lost))) };
            self.core.logger.info(format_args!(
                "The MQTT broker at {at} sends its clients to {}",
                clip(&next.to_string())
            ));
            at = next;
            hops += 1;
        }
    }

    /// Dials and greets, once.
    async fn approach<P: Protocol>(
        &mut self,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Result<Welcome<P, Stream>, Lost>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let anew = self.core.is_new();
        self.attempts += 1;
        let (transport, attempt) = (Kind::of(endpoint.protocol).name(), self.attempts);
        let span = tracing::debug_span!("mqtt_connect", %endpoint, transport, attempt);
        let (sent, leave) = (AtomicBool::new(false), Notify::new());
        let tls = self.endpoints.tls(endpoint, &settings.tls);
        let dial = async {
            let stream = dial(endpoint, &tls).await?;
            sent.store(true, Ordering::Relaxed);
            handshake::handshake::<P, _>(stream, endpoint, &settings, anew, &leave).await
        };
        let mut dial = std::pin::pin!(timeout(limit, dial.instrument(span.clone())));
        let result = tokio::select! {
            biased;
            () = attend(&mut self.core) => {
                // CONNECT may be out: the broker is told that nobody wants the link.
                if sent.load(Ordering::Relaxed) {
                    leave.notify_one();
                    if let Ok(Ok(welcome)) = dial.await {
                        handshake::good_bye::<P, _>(welcome.framed, settings.clean_session).await;
                    }
                }
                return Err(Ending::Closed);
            }
            result = &mut dial => {
                result.unwrap_or(Err(Lost::NoAnswer { what: "CONNECT", limit }))
            }
        };
        if !matches!(result, Ok(_) | Err(Lost::Refused { .. })) {
            self.core.unanswered |= sent.load(Ordering::Relaxed);
        }
        match &result {
            Ok(_) => self.attempts = 0,
            Err(lost) => span.in_scope(|| {
                let cause = crate::error::chain(lost);
                self.core
                    .logger
                    .debug(format_args!("No connection to the MQTT broker at {endpoint}: {cause}"));
            }),
        }
        Ok(result)
    }
}

fn refused(endpoint: &Endpoint, lost: Lost) -> MqttError {
    let endpoint: Arc<str> = endpoint.to_string().into();
    match lost {
        Lost::Refused { code, reason, server_reference } => {
            MqttError::Refused { endpoint, code, reason, server_reference }
        }
        source => MqttError::ConnectFailed { endpoints: endpoint, waited: Duration::ZERO, source },
    }
}
