//! Getting a link: endpoint after endpoint, sweep after sweep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::greet::{self, Welcome};
use super::link::{Ending, Link, Linked, attend, limit};
use super::missed::Missed;
use super::roads::{MOST_HOPS, referred};
use super::state::LinkState;
use crate::connect::Endpoint;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Kind, Stream, dial};
use crate::mqtt::{Lost, MqttError};

/// How long discovery and credential stores may take before what was known is used.
const LOOK_UP: Duration = Duration::from_secs(10);

/// "Use another server" and "server moved".
const ELSEWHERE: [u8; 2] = [0x9c, 0x9d];

/// What an attempt comes to: where it ended, and how.
type Attempt<P> = Result<Linked<P>, (Endpoint, Lost)>;

impl Link {
    /// The first link: sweeps over the endpoints until one welcomes us, one refuses us, or time is up.
    pub(super) async fn open<P: Protocol>(&mut self) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let started = Instant::now();
        let deadline = started + limit(settings.connect_timeout);
        let mut told = false;
        loop {
            let missed = match self.sweep::<P>(deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(missed) => missed,
            };
            let hopeless = missed.is_hopeless();
            let Some((at, last)) = missed.telling() else {
                return Err(Ending::Failed(MqttError::NotOpen));
            };
            // The only broker there is answers, and says no.
            if self.roads.count() == 1 && matches!(last, Lost::Refused { .. }) {
                return Err(Ending::Failed(refused(&at, last)));
            }
            let wait = self.backoff.next();
            let retry = settings.retry_connect && !hopeless;
            if !retry || Instant::now() + wait >= deadline {
                let waited = if retry { settings.connect_timeout } else { started.elapsed() };
                if retry {
                    self.pause(sleep_until(deadline)).await?;
                }
                let (endpoints, source) = (self.roads.names().into(), last);
                return Err(Ending::Failed(MqttError::ConnectFailed { endpoints, waited, source }));
            }
            if !std::mem::replace(&mut told, true) {
                self.not_yet(&at, &last);
            }
            self.pause(sleep(wait)).await?;
            self.look_up().await?;
        }
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

    /// Another link, however long it takes; only a refusal that will not change ends it. With `at_once` the last one was left
    /// for a better one.
    pub(super) async fn reconnect<P: Protocol>(&mut self, at_once: bool) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let mut at_once = at_once;
        loop {
            if !std::mem::take(&mut at_once) {
                let wait = self.backoff.next();
                self.pause(sleep(wait)).await?;
                self.look_up().await?;
            }
            self.relief().await?;
            let deadline = Instant::now() + limit(settings.connect_timeout);
            match self.sweep::<P>(deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(_) if settings.retry_connect => {}
                Err(missed) => {
                    let error =
                        missed.telling().map_or(MqttError::NotOpen, |(_, lost)| MqttError::Down(lost));
                    return Err(Ending::Failed(error));
                }
            }
        }
    }

    /// Asks anew where the brokers are and who we are there.
    async fn look_up(&mut self) -> Result<(), Ending> {
        let limit = limit(self.core.settings.connect_timeout).min(LOOK_UP);
        let logger = self.core.logger.clone();
        tokio::select! {
            biased;
            () = attend(&mut self.core) => Err(Ending::Closed),
            () = self.roads.refresh(limit, &logger) => Ok(()),
        }
    }

    /// One attempt at each endpoint; each may use an equal share of the time that is left. A broker that refuses us for good
    /// is passed over as long as another one may welcome us; when all have refused, that is the end.
    async fn sweep<P: Protocol>(&mut self, deadline: Instant) -> Result<Result<Linked<P>, Missed>, Ending> {
        let order = self.roads.order(Instant::now());
        let count = order.len();
        let mut missed = Missed::new(self.roads.count());
        for (index, endpoint) in order.iter().enumerate() {
            let left = u32::try_from(count - index).unwrap_or(1).max(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let (at, lost) = match self.attempt::<P>(endpoint, share).await? {
                Ok(linked) => {
                    self.roads.welcomed(endpoint);
                    return Ok(Ok(linked));
                }
                Err(failed) => failed,
            };
            self.roads.failed(endpoint, Instant::now());
            // Where a broker has sent us comes before the list, and is no part of it.
            missed.add(at.clone(), lost.clone(), count - index <= self.roads.count());
            if let Some((at, lost)) = missed.end() {
                return Err(Ending::Failed(refused(&at, lost)));
            }
            if lost.is_final() && self.roads.refused(&at) {
                let cause = crate::error::chain(&lost);
                let logger = &self.core.logger;
                logger.warn(format_args!("The MQTT broker at {at} is passed over for others: {cause}"));
            }
            if !self.core.is_new() {
                self.still_down(lost);
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
                Lost::Refused { code, server_reference: Some(reference), .. }
                    if ELSEWHERE.contains(code) && hops < MOST_HOPS =>
                {
                    referred(&at, reference)
                }
                _ => None,
            };
            let Some(next) = next else { return Ok(Err((at, lost))) };
            self.core.logger.info(format_args!("The MQTT broker at {at} sends its clients to {next}"));
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
        let dial = async {
            let stream = dial(endpoint, &settings.tls, settings.max_packet_size).await?;
            sent.store(true, Ordering::Relaxed);
            greet::greet::<P, _>(stream, endpoint, &settings, anew, &leave).await
        };
        let mut dial = std::pin::pin!(timeout(limit, dial.instrument(span.clone())));
        let result = tokio::select! {
            biased;
            () = attend(&mut self.core) => {
                // CONNECT may be out: the broker is told that nobody wants the link.
                if sent.load(Ordering::Relaxed) {
                    leave.notify_one();
                    if let Ok(Ok(welcome)) = dial.await {
                        greet::good_bye::<P, _>(welcome.framed, settings.clean_session).await;
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
