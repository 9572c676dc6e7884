//! Getting a link: endpoint after endpoint, sweep after sweep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::core::Core;
use super::endpoints::Endpoints;
use super::handshake::Connected;
use super::link_state::LinkState;
use super::settings::Settings;
use super::sweep::{RefusalDeadline, Sweep};
use super::takeover::TakeoverDetection;
use crate::backoff::Backoff;
use crate::connect::Endpoint;
use crate::error::chain;
use crate::log::Logger;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Kind, Stream};
use crate::mqtt::{LinkError, MqttError};
use crate::text::{clip, duration};

/// How long discovery and credential stores may take before what was known is used.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How much of the time to open is left for the last attempt at most.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// Why the connection ends.
pub(super) enum Ending {
    Closed,
    Failed(MqttError),
}

/// A link, and where it leads.
type Linked<P> = (Connected<P, Stream>, Endpoint);

/// What comes of an attempt: a link, or where it ended, and how.
type Attempt<P> = Result<Linked<P>, (Endpoint, LinkError)>;

/// Connects to brokers, and remembers how that went.
pub(super) struct Connector {
    settings: Arc<Settings>,
    endpoints: Endpoints,
    logger: Logger,
    state: watch::Sender<LinkState>,
    backoff: Backoff,
    takeover: TakeoverDetection,
    /// Attempts since a broker last accepted the client.
    attempts: u32,
}

impl Connector {
    pub fn new(
        settings: Arc<Settings>,
        endpoints: Endpoints,
        logger: Logger,
        state: watch::Sender<LinkState>,
    ) -> Self {
        let backoff = Backoff::new(settings.reconnect_timeout, settings.max_reconnect_timeout);
        let takeover = TakeoverDetection::default();
        Self { settings, endpoints, logger, state, backoff, takeover, attempts: 0 }
    }

    /// Gets the first link: sweeps over the endpoints until one accepts the client, all refuse it for good, or time is up. The
    /// last wait ends early enough for one more attempt.
    pub async fn open<P: Protocol>(&mut self, core: &mut Core) -> Result<Linked<P>, Ending> {
        let started = Instant::now();
        let limit = self.settings.connect_limit();
        let deadline = started + limit;
        let last_attempt = deadline - LAST_ATTEMPT.min(limit / 10);
        let mut warned = false;
        loop {
            let sweep = match self.sweep::<P>(core, deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(sweep) => sweep,
            };
            if let Some((at, lost)) = sweep.final_refusal() {
                return Err(Ending::Failed(refused(&at, lost)));
            }
            let retry = self.settings.retry_connect && !sweep.is_permanent();
            let Some((at, last)) = sweep.into_cause() else {
                return Err(Ending::Failed(MqttError::NotOpen));
            };
            let now = Instant::now();
            if !retry || now >= last_attempt {
                let waited = if retry { started.elapsed() } else { Duration::ZERO };
                return Err(Ending::Failed(self.not_opened(&at, last, waited)));
            }
            if !std::mem::replace(&mut warned, true) {
                self.warn_not_yet(&at, &last);
            }
            let next = (now + self.backoff.next()).min(last_attempt);
            unless_closed(core, sleep_until(next)).await?;
            self.look_up(core).await?;
        }
    }

    /// Returns why opening has failed: what the only broker there is has answered, or what happened last.
    fn not_opened(&self, at: &Endpoint, last: LinkError, waited: Duration) -> MqttError {
        if self.endpoints.count() == 1 && matches!(last, LinkError::Refused { .. }) {
            return refused(at, last);
        }
        MqttError::ConnectFailed { endpoints: self.endpoints.names().into(), waited, source: last }
    }

    /// Warns once of what opening waits for, which can take long.
    fn warn_not_yet(&self, at: &Endpoint, lost: &LinkError) {
        let (limit, cause) = (self.settings.connect_timeout, chain(lost));
        let until = if limit.is_zero() { String::new() } else { format!(" for up to {}", duration(limit)) };
        self.logger.warn(format_args!(
            "Cannot connect to the MQTT broker at {at} yet, trying again{until}: {cause}"
        ));
    }

    /// Gets another link, however long it takes. Only a refusal that will not change, or that has not changed for
    /// `options.refusal_timeout`, ends it. With `at_once` there is no wait before the first attempt.
    pub async fn reconnect<P: Protocol>(
        &mut self,
        core: &mut Core,
        mut at_once: bool,
    ) -> Result<Linked<P>, Ending> {
        let mut refusals = RefusalDeadline::new(self.settings.refusal_timeout);
        loop {
            if !std::mem::take(&mut at_once) {
                let wait = refusals.shorten(self.backoff.next(), Instant::now());
                unless_closed(core, sleep(wait)).await?;
                self.look_up(core).await?;
            }
            core.until_half_handled().await;
            let deadline = Instant::now() + self.settings.connect_limit();
            let sweep = match self.sweep::<P>(core, deadline).await? {
                Ok(linked) => return Ok(linked),
                Err(sweep) => sweep,
            };
            if let Some((at, lost)) = sweep.final_refusal() {
                let running = refusals.is_running();
                let waits = self.settings.retry_connect && sweep.is_identity_refused();
                if !waits || refusals.is_over(Instant::now()) {
                    return Err(Ending::Failed(refused(&at, lost)));
                }
                if !running {
                    self.log_refused_for_now(&at, &lost);
                }
                continue;
            }
            refusals.reset();
            if !self.settings.retry_connect {
                let error = sweep.into_cause().map_or(MqttError::NotOpen, |(_, lost)| MqttError::Down(lost));
                return Err(Ending::Failed(error));
            }
        }
    }

    /// Logs once that a broker does not know the client any more, which may change again.
    fn log_refused_for_now(&self, at: &Endpoint, lost: &LinkError) {
        let (limit, cause) = (self.settings.refusal_timeout, chain(lost));
        self.logger.error(
            None,
            format_args!(
                "The MQTT broker at {at} refuses the client, which it had accepted; credentials are looked up again and \
                 it is tried for up to {} (`options.refusal_timeout`): {cause}",
                duration(limit)
            ),
        );
    }

    /// Looks up brokers and credentials again.
    async fn look_up(&mut self, core: &mut Core) -> Result<(), Ending> {
        let limit = self.settings.connect_limit().min(LOOK_UP);
        unless_closed(core, self.endpoints.refresh(limit, &self.logger)).await
    }

    /// Makes one attempt at each endpoint; each may use an equal share of the time that is left. A broker that refuses for good
    /// is passed over as long as another one may accept the client; when all have refused, the sweep is over.
    async fn sweep<P: Protocol>(
        &mut self,
        core: &mut Core,
        deadline: Instant,
    ) -> Result<Result<Linked<P>, Sweep>, Ending> {
        let order = self.endpoints.order(Instant::now());
        let count = order.len();
        let mut sweep = Sweep::new(self.endpoints.count());
        for (index, endpoint) in order.iter().enumerate() {
            let left = u32::try_from(count - index).unwrap_or(1).max(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let (at, lost) = match self.attempt::<P>(core, endpoint, share).await? {
                Ok(linked) => {
                    self.endpoints.connected(endpoint);
                    return Ok(Ok(linked));
                }
                Err(failed) => failed,
            };
            self.endpoints.failed(endpoint, Instant::now());
            // Where a broker has sent the client comes before the list, and is no part of it.
            sweep.failed(at.clone(), lost.clone(), count - index <= self.endpoints.count());
            let end = sweep.final_refusal().is_some();
            if lost.is_final() && !end && self.endpoints.refused(&at) {
                let cause = chain(&lost);
                self.logger.warn(format_args!("The MQTT broker at {at} is passed over for others: {cause}"));
            }
            if !core.is_new() {
                core.connect_failed(&lost);
                self.state.send_replace(LinkState::Down(lost));
            }
            if end {
                break;
            }
        }
        Ok(Err(sweep))
    }

    /// Makes one attempt at one endpoint, or where that one sends the client.
    async fn attempt<P: Protocol>(
        &mut self,
        core: &mut Core,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Attempt<P>, Ending> {
        let deadline = Instant::now() + limit;
        let mut at = endpoint.clone();
        let mut hops = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let lost = match self.connect::<P>(core, &at, left).await? {
                Ok(connected) => return Ok(Ok((connected, at))),
                Err(lost) => lost,
            };
            let next = match &lost {
                LinkError::Refused { server_reference: Some(reference), .. }
                    if lost.is_redirect() && hops < Endpoints::MAX_HOPS =>
                {
                    self.endpoints.direct(&at, reference, &self.logger)
                }
                _ => None,
            };
            let Some(next) = next else { return Ok(Err((at, lost))) };
            self.logger.info(format_args!(
                "The MQTT broker at {at} sends its clients to {}",
                clip(&next.to_string())
            ));
            at = next;
            hops += 1;
        }
    }

    /// Dials an endpoint and shakes hands.
    async fn connect<P: Protocol>(
        &mut self,
        core: &mut Core,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Result<Connected<P, Stream>, LinkError>, Ending> {
        let settings = &*self.settings;
        let first = core.is_new();
        self.attempts += 1;
        let (transport, attempt) = (Kind::of(endpoint.protocol).name(), self.attempts);
        let span = tracing::debug_span!("mqtt_connect", %endpoint, transport, attempt);
        let (sent, cancel) = (AtomicBool::new(false), Notify::new());
        let tls = self.endpoints.tls(endpoint, &settings.tls);
        let dial = async {
            let stream = Stream::dial(endpoint, &tls).await?;
            sent.store(true, Ordering::Relaxed);
            Connected::<P, _>::handshake(stream, endpoint, settings, first, &cancel).await
        };
        let mut dial = std::pin::pin!(timeout(limit, dial.instrument(span.clone())));
        let result = tokio::select! {
            biased;
            () = core.until_closed() => {
                // CONNECT may be sent: the broker is told that nobody wants the link.
                if sent.load(Ordering::Relaxed) {
                    cancel.notify_one();
                    if let Ok(Ok(connected)) = dial.await {
                        Connected::<P, _>::disconnect(connected.framed, settings.clean_session).await;
                    }
                }
                return Err(Ending::Closed);
            }
            result = &mut dial => result.unwrap_or(Err(LinkError::NoAnswer { what: "CONNECT", limit })),
        };
        match &result {
            Ok(_) => self.attempts = 0,
            Err(lost) => {
                if sent.load(Ordering::Relaxed) && !matches!(lost, LinkError::Refused { .. }) {
                    core.connect_unanswered();
                }
                let cause = chain(lost);
                span.in_scope(|| {
                    let logger = &self.logger;
                    logger.debug(format_args!("No connection to the MQTT broker at {endpoint}: {cause}"));
                });
            }
        }
        Ok(result)
    }

    /// Draws conclusions from the end of a link about the endpoint, about other clients, and about how long to wait. The end is
    /// `explained` where something that was sent may be the reason. Returns why the link is lost.
    pub fn link_lost(
        &mut self,
        lost: LinkError,
        endpoint: &Endpoint,
        lasted: Duration,
        explained: bool,
    ) -> LinkError {
        if let LinkError::Disconnected { server_reference: Some(reference), .. } = &lost {
            self.endpoints.redirected(endpoint, reference, &self.logger);
        }
        let stable = self.backoff.is_good(lasted);
        let verdict = self.takeover.link_ended(lost, stable, explained, self.settings.client_id.get());
        if verdict.avoid {
            self.endpoints.failed(endpoint, Instant::now());
        }
        if stable && verdict.ordinary {
            self.backoff.reset();
            self.endpoints.lasted();
        }
        verdict.lost
    }

    /// Begins anew with the first wait.
    pub fn reset_backoff(&mut self) {
        self.backoff.reset();
    }

    /// Returns the preferred broker where the link is to another one, and after which time to look for it.
    pub fn preferred(&self, endpoint: &Endpoint) -> Option<(&Endpoint, Duration)> {
        let cooldown = self.endpoints.cooldown().max(self.settings.reconnect_timeout);
        self.endpoints.preferred(endpoint).map(|preferred| (preferred, cooldown))
    }

    /// The preferred endpoint can be dialled again.
    pub fn preferred_is_back(&mut self, preferred: &Endpoint) {
        self.endpoints.recovered(preferred);
    }
}

/// Waits, unless the connection is closed meanwhile.
async fn unless_closed(core: &mut Core, wait: impl Future<Output = ()>) -> Result<(), Ending> {
    tokio::select! {
        biased;
        () = core.until_closed() => Err(Ending::Closed),
        () = wait => Ok(()),
    }
}

fn refused(endpoint: &Endpoint, lost: LinkError) -> MqttError {
    let endpoint: Arc<str> = endpoint.to_string().into();
    match lost {
        LinkError::Refused { code, reason, server_reference } => {
            MqttError::Refused { endpoint, code, reason, server_reference }
        }
        source => MqttError::ConnectFailed { endpoints: endpoint, waited: Duration::ZERO, source },
    }
}
