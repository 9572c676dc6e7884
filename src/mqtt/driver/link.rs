//! The task of a connection: it gets links and works on them, one after the other, until it is told to end.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::backoff::Backoff;
use super::core::Core;
use super::drive::{Drive, End};
use super::greet::{self, Welcome};
use super::state::{LinkState, Remaining};
use super::{Intake, Permits, Settings};
use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::metrics::Metrics;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Kind, Stream, dial};
use crate::mqtt::{Lost, MqttError};

/// A link that lasted this long was a good one: waits start anew after it.
const STABLE: Duration = Duration::from_secs(10);

/// "Without limit", as a deadline.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// What the task is made of.
pub(crate) struct Parts {
    pub(crate) settings: Arc<Settings>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) logger: Logger,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) state: watch::Sender<LinkState>,
}

/// Why the task ends.
enum Ending {
    Closed,
    Failed(MqttError),
}

type Linked<P> = (Welcome<P, Stream>, Endpoint);

struct Link {
    core: Core,
    state: watch::Sender<LinkState>,
    backoff: Backoff,
}

/// Runs a connection to its end.
pub(crate) async fn run<P: Protocol>(parts: Parts) {
    let Parts { settings, intake, permits, logger, metrics, state } = parts;
    let backoff = Backoff::new(settings.reconnect_timeout, settings.max_reconnect_timeout);
    let core = Core::new(settings, intake, permits, logger, metrics);
    let mut link = Link { core, state, backoff };
    let ending = link.live::<P>().await;
    link.end(ending).await;
}

impl Link {
    async fn live<P: Protocol>(&mut self) -> Ending {
        let mut linked = match self.open::<P>().await {
            Ok(linked) => linked,
            Err(ending) => return ending,
        };
        loop {
            let lost = match self.work(linked).await {
                End::Closed => return Ending::Closed,
                End::Lost(lost) => lost,
            };
            self.core.lost(&lost);
            self.core.logger.error(Some(&lost), format_args!("Lost the connection to the MQTT broker"));
            if !self.core.settings.retry_connect {
                return Ending::Failed(MqttError::Down(lost));
            }
            self.state.send_replace(LinkState::Down(lost));
            linked = match self.reconnect::<P>().await {
                Ok(linked) => linked,
                Err(ending) => return ending,
            };
            self.core.metrics.reconnects.one();
        }
    }

    /// The first link: sweeps over the endpoints until one welcomes us, one refuses us, or time is up.
    async fn open<P: Protocol>(&mut self) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let started = Instant::now();
        let deadline = started + limit(settings.connect_timeout);
        let mut last = Lost::NotYet;
        loop {
            let count = settings.endpoints.len();
            let mut hopeless = true;
            for (index, endpoint) in settings.endpoints.iter().enumerate() {
                let left = u32::try_from(count - index).unwrap_or(1);
                let share = deadline.saturating_duration_since(Instant::now()) / left;
                match self.attempt::<P>(endpoint, share).await? {
                    Ok(welcome) => return Ok((welcome, endpoint.clone())),
                    // A service that is unavailable may have a neighbour that is not; other refusals are meant.
                    Err(lost) if lost.is_final() || (left == 1 && matches!(lost, Lost::Refused { .. })) => {
                        return Err(Ending::Failed(refused(endpoint, lost)));
                    }
                    Err(lost) => {
                        hopeless &= matches!(lost, Lost::Tls(_));
                        last = lost;
                    }
                }
            }
            let wait = self.backoff.next();
            // What is wrong with certificates does not mend itself while somebody waits for the service to start.
            let retry = settings.retry_connect && !hopeless;
            if !retry || Instant::now() + wait >= deadline {
                let waited = if retry { settings.connect_timeout } else { started.elapsed() };
                if retry {
                    self.pause(sleep_until(deadline)).await?;
                }
                let endpoints = settings.endpoint_names().into();
                return Err(Ending::Failed(MqttError::ConnectFailed { endpoints, waited, source: last }));
            }
            self.pause(sleep(wait)).await?;
        }
    }

    /// Another link, however long it takes; only a refusal that will not change ends it.
    async fn reconnect<P: Protocol>(&mut self) -> Result<Linked<P>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let count = u32::try_from(settings.endpoints.len()).unwrap_or(u32::MAX).max(1);
        let share = limit(settings.connect_timeout) / count;
        loop {
            let wait = self.backoff.next();
            self.pause(sleep(wait)).await?;
            self.relief().await?;
            for endpoint in &settings.endpoints {
                match self.attempt::<P>(endpoint, share).await? {
                    Ok(welcome) => return Ok((welcome, endpoint.clone())),
                    Err(lost) if lost.is_final() => return Err(Ending::Failed(refused(endpoint, lost))),
                    Err(lost) => {
                        self.core.down = Some(lost.clone());
                        self.state.send_replace(LinkState::Down(lost));
                    }
                }
            }
        }
    }

    /// One attempt at one endpoint.
    async fn attempt<P: Protocol>(
        &mut self,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Result<Welcome<P, Stream>, Lost>, Ending> {
        let settings = Arc::clone(&self.core.settings);
        let anew = self.core.is_new();
        let dial = async {
            let stream = dial(endpoint, &settings.tls, settings.max_packet_size).await?;
            greet::greet::<P, _>(stream, endpoint, &settings, anew).await
        };
        let transport = Kind::of(endpoint.protocol).name();
        let dial = dial.instrument(tracing::debug_span!("mqtt_connect", %endpoint, transport));
        let result = tokio::select! {
            biased;
            () = attend(&mut self.core) => return Err(Ending::Closed),
            result = timeout(limit, dial) => {
                result.unwrap_or(Err(Lost::NoAnswer { what: "CONNECT", limit }))
            }
        };
        if let Err(lost) = &result {
            let cause = crate::error::chain(lost);
            self.core.logger.debug(format_args!("No connection to the MQTT broker at {endpoint}: {cause}"));
        }
        Ok(result)
    }

    /// Works on a link until it ends.
    async fn work<P: Protocol>(&mut self, (welcome, endpoint): Linked<P>) -> End {
        let Welcome { framed, session_present, limits } = welcome;
        let begun = Instant::now();
        self.core.metrics.opened.one();
        self.core.resume(session_present, limits, begun);
        let mut drive = Drive::<P, _>::new(framed, &mut self.core, begun);
        let end = match drive.restore().await {
            Err(end) => end,
            Ok(()) => {
                drive.say_connected(&endpoint);
                let endpoint = endpoint.to_string().into();
                self.state.send_replace(LinkState::Up { endpoint, session_present });
                drive.run().await
            }
        };
        match &end {
            End::Closed => drive.finish().await,
            End::Lost(lost) => drive.abandon(lost).await,
        }
        if begun.elapsed() >= STABLE {
            self.backoff.reset();
        }
        end
    }

    /// Waits, while what comes in is attended to.
    async fn pause(&mut self, wait: impl Future<Output = ()>) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = attend(&mut self.core) => Err(Ending::Closed),
            () = wait => Ok(()),
        }
    }

    /// Waits until listeners have worked off half of what they may hold: the broker sends everything unacknowledged again.
    async fn relief(&mut self) -> Result<(), Ending> {
        let held = Arc::clone(&self.core.held);
        let enough = self.core.settings.max_incoming_bytes / 2;
        held.watch(true);
        let core = &mut self.core;
        let relieved = std::future::poll_fn(|cx| {
            core.intake.register(cx.waker());
            if core.take().is_some() || held.bytes() <= enough { Poll::Ready(()) } else { Poll::Pending }
        });
        relieved.await;
        held.watch(self.core.closing);
        Ok(())
    }

    async fn end(mut self, ending: Ending) {
        let reason = match &ending {
            Ending::Closed => MqttError::Closed,
            Ending::Failed(error) => error.clone(),
        };
        let remaining = Remaining { publishes: self.core.fail(&reason), messages: self.core.unhandled() };
        self.core.registry.end().await;
        if !remaining.is_nothing() {
            self.core.logger.warn(format_args!("The MQTT connection ends with {remaining}"));
        }
        self.state.send_replace(match ending {
            Ending::Closed => LinkState::Closed(remaining),
            Ending::Failed(error) => LinkState::Failed(error),
        });
    }
}

/// Takes what comes in while there is no link; resolves when the connection is to end: as soon as nothing is left to be
/// sent, or at its deadline.
async fn attend(core: &mut Core) {
    let mut timer = None;
    let attended = std::future::poll_fn(|cx| {
        core.intake.register(cx.waker());
        let stop = core.take();
        core.give_back();
        let Some(stop) = stop else { return Poll::Pending };
        core.close();
        if core.is_drained() {
            return Poll::Ready(());
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(stop)));
        timer.as_mut().poll(cx)
    });
    attended.await;
}

fn limit(configured: Duration) -> Duration {
    if configured.is_zero() { NEVER } else { configured }
}

fn refused(endpoint: &Endpoint, lost: Lost) -> MqttError {
    match lost {
        Lost::Refused { code, reason, server_reference } => {
            MqttError::Refused { endpoint: endpoint.to_string().into(), code, reason, server_reference }
        }
        lost => MqttError::Down(lost),
    }
}
