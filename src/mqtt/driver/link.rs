//! The task of a connection: it gets links and works on them, one after the other, until it is told to end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::aftermath::Aftermath;
use super::core::Core;
use super::drive::{Drive, End};
use super::greet::Welcome;
use super::leave::{is_back, pause};
use super::lives::Lives;
use super::state::{LinkState, Remaining};
use super::{Intake, Permits, Roads, Settings};
use crate::backoff::Backoff;
use crate::component::panic_error;
use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::metrics::Metrics;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::Stream;
use crate::mqtt::{Lost, MqttError};
use crate::time::NEVER;

/// Looking for the preferred broker more often would be a load on it.
const LEAST_PROBE: Duration = Duration::from_millis(50);

/// How long what is on its way may take when a link is left, also where closing does not wait for it.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// What the task is made of.
pub(crate) struct Parts {
    pub(crate) settings: Arc<Settings>,
    pub(crate) roads: Roads,
    pub(crate) intake: Arc<Intake>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) logger: Logger,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) state: watch::Sender<LinkState>,
}

/// Why the task ends.
pub(super) enum Ending {
    Closed,
    Failed(MqttError),
}

pub(super) type Linked<P> = (Welcome<P, Stream>, Endpoint);

pub(super) struct Link {
    pub(super) core: Core,
    pub(super) roads: Roads,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) backoff: Backoff,
    /// Attempts since the last welcome.
    pub(super) attempts: u32,
    lives: Lives,
    /// How often a link was left for the preferred broker since that has welcomed us.
    in_vain: u32,
}

/// Runs a connection to its end.
pub(crate) async fn run<P: Protocol>(parts: Parts) {
    let Parts { settings, roads, intake, permits, logger, metrics, state } = parts;
    let backoff = Backoff::new(settings.reconnect_timeout, settings.max_reconnect_timeout);
    let (permitted, told) = (Arc::clone(&permits), state.clone());
    let core = Core::new(settings, Arc::clone(&intake), permitted, logger, metrics, told);
    let (held, last_word) = (Arc::clone(&core.held), state.clone());
    let lives = Lives::default();
    let mut link = Link { core, roads, state, backoff, attempts: 0, lives, in_vain: 0 };
    // The last that is declared is the first that is dropped: whoever is let go of finds out why.
    let _aftermath = Aftermath { intake, permits, held, state: last_word };
    let lived = AssertUnwindSafe(link.live::<P>()).catch_unwind().await;
    let ending = lived.unwrap_or_else(|panic| {
        let panic = panic_error("its task", &*panic).to_string().into();
        Ending::Failed(MqttError::Panicked { panic })
    });
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
                End::Left | End::Renewed => None,
                End::Lost(lost) => Some(lost),
            };
            let mut at_once = lost.is_none();
            if let Some(lost) = lost {
                self.core.lost(&lost);
                // The status of the component says it to everybody.
                let cause = crate::error::chain(&lost);
                self.core.logger.debug(format_args!("Lost the connection to the MQTT broker: {cause}"));
                if !self.core.settings.retry_connect {
                    return Ending::Failed(MqttError::Down(lost));
                }
                at_once = std::mem::take(&mut self.core.culprit);
                // While what ends the links is looked for, and once it is found, waits do not grow.
                if at_once || self.core.is_searching() {
                    self.backoff.reset();
                }
                self.state.send_replace(LinkState::Down(lost));
                // Until the next link that it is down says all. Before that was said, they would look granted.
                self.core.denied.link_ends();
            }
            linked = match self.reconnect::<P>(at_once).await {
                Ok(linked) => linked,
                Err(ending) => return ending,
            };
            self.core.metrics.reconnects.one();
        }
    }

    /// Works on a link until it ends.
    async fn work<P: Protocol>(&mut self, (welcome, endpoint): Linked<P>) -> End {
        let Welcome { framed, session_present, limits } = welcome;
        let begun = Instant::now();
        self.core.metrics.opened.one();
        self.core.resume(&endpoint, session_present, limits, begun);
        let better = self.better_than(&endpoint);
        let settings = Arc::clone(&self.core.settings);
        let mut drive = Drive::<P, _>::new(framed, &mut self.core, begun);
        let end = match drive.restore().await {
            Err(end) => end,
            Ok(()) => {
                drive.say_connected(&endpoint);
                let (endpoint, missing) = (endpoint.to_string().into(), drive.core.denied.names());
                self.state.send_replace(LinkState::Up { endpoint, session_present, missing });
                stay(&mut drive, better.as_ref(), &settings).await
            }
        };
        match end {
            End::Closed => drive.finish().await,
            End::Left => {
                drive.finish().await;
                self.left(better);
            }
            End::Renewed => {
                drive.finish().await;
                self.core.moved();
                self.state.send_replace(LinkState::Down(Lost::Renewed));
            }
            End::Lost(lost) => {
                drive.abandon(&lost).await;
                return End::Lost(self.judge(lost, &endpoint, begun.elapsed()));
            }
        }
        end
    }

    /// The preferred broker, where this is another one, and how often to look for it.
    fn better_than(&mut self, endpoint: &Endpoint) -> Option<(Endpoint, Duration)> {
        let Some(first) = self.roads.preferred(endpoint) else {
            self.in_vain = 0;
            return None;
        };
        let every = self.roads.cooldown().max(self.core.settings.reconnect_timeout).max(LEAST_PROBE);
        // One that is there and does not welcome us is looked for less and less.
        Some((first.clone(), pause(every, self.in_vain)))
    }

    /// The link was left for a better one.
    fn left(&mut self, better: Option<(Endpoint, Duration)>) {
        let Some((first, _)) = better else { return };
        self.in_vain += 1;
        self.core.logger.info(format_args!("Moving to the preferred MQTT broker at {first}"));
        self.core.moved();
        self.roads.back(&first);
        self.state.send_replace(LinkState::Down(Lost::Moving { to: first.to_string().into() }));
    }

    /// What the end of a link says about the endpoint, about other clients, and about how long to wait.
    fn judge(&mut self, lost: Lost, endpoint: &Endpoint, lived: Duration) -> Lost {
        if let Lost::Disconnected { server_reference: Some(reference), .. } = &lost {
            self.roads.sent_on(endpoint, reference, &self.core.logger);
        }
        let good = self.backoff.is_good(lived);
        let explained = self.core.explains_an_end();
        let verdict = self.lives.ended(lost, good, explained, self.core.settings.client_id.get());
        if verdict.avoid {
            self.roads.failed(endpoint, Instant::now());
        }
        if good && verdict.calm {
            self.backoff.reset();
            self.roads.lasted();
        }
        verdict.lost
    }

    /// Waits, while what comes in is attended to.
    pub(super) async fn pause(&mut self, wait: impl Future<Output = ()>) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = attend(&mut self.core) => Err(Ending::Closed),
            () = wait => Ok(()),
        }
    }

    /// Waits, for a while, until listeners have worked off half of what they may hold: the broker sends everything
    /// unacknowledged again.
    pub(super) async fn relief(&mut self) -> Result<(), Ending> {
        let held = Arc::clone(&self.core.held);
        let enough = self.core.settings.max_incoming_bytes / 2;
        let longest = self.core.settings.max_reconnect_timeout;
        held.watch(true);
        let core = &mut self.core;
        let relieved = std::future::poll_fn(|cx| {
            core.intake.register(cx.waker());
            let stop = core.take();
            core.give_back();
            if stop.is_some() || held.bytes() <= enough { Poll::Ready(()) } else { Poll::Pending }
        });
        // Listeners that publish wait for the link in turn: it must not wait for them for ever.
        let _ = timeout(longest, relieved).await;
        held.watch(self.core.closing);
        Ok(())
    }

    /// What had been read before the end goes to its listeners, within the time that closing has.
    async fn work_off(&mut self) {
        let held = Arc::clone(&self.core.held);
        let limit = self.core.settings.close_timeout;
        let core = &mut self.core;
        held.watch(true);
        let mut stopped = None;
        let finished = std::future::poll_fn(|cx| {
            core.intake.register(cx.waker());
            let stop = core.take();
            if held.messages() == 0 {
                return Poll::Ready(());
            }
            let Some(stop) = stop else { return Poll::Pending };
            stopped.get_or_insert_with(|| Box::pin(sleep_until(stop))).as_mut().poll(cx)
        });
        // What they have not finished by then is counted below.
        let _ = timeout(limit, finished).await;
    }

    async fn end(mut self, ending: Ending) {
        let reason = match &ending {
            Ending::Closed => MqttError::Closed,
            Ending::Failed(error) => error.clone(),
        };
        let publishes = self.core.fail(&reason);
        if matches!(ending, Ending::Failed(_)) {
            self.work_off().await;
        }
        let (messages, filters) = (self.core.unhandled(), self.core.owed_filters());
        let remaining = Remaining { publishes, messages, filters };
        if !remaining.is_nothing() {
            self.core.logger.warn(format_args!("The MQTT connection ends with {remaining}"));
        }
        self.core.registry.end().await;
        self.state.send_replace(match ending {
            Ending::Closed => LinkState::Closed(remaining),
            Ending::Failed(error) => LinkState::Failed(error),
        });
    }
}

/// Works on a link until a new one is asked for, or where there is a better one, until that is back; and this one can be
/// left with nothing lost.
async fn stay<P: Protocol>(
    drive: &mut Drive<'_, P, Stream>,
    better: Option<&(Endpoint, Duration)>,
    settings: &Settings,
) -> End {
    let intake = Arc::clone(&drive.core.intake);
    let back = async |in_vain| match better {
        Some((first, every)) => {
            is_back(first, settings, pause(*every, in_vain), limit(settings.connect_timeout)).await;
        }
        None => std::future::pending().await,
    };
    let mut in_vain = 0;
    loop {
        let renew = tokio::select! {
            biased;
            end = drive.run() => return end,
            () = intake.renewal() => true,
            () = back(in_vain) => false,
        };
        let patience = settings.close_timeout.max(LEAST_PATIENCE);
        let end = if renew { drive.renew(patience).await } else { drive.leave(patience).await };
        if let Some(end) = end {
            return end;
        }
        // Where something is always on its way, to be held up again and again would cost more than the move gains.
        in_vain += u32::from(!renew);
    }
}

/// Takes what comes in while there is no link; resolves when the connection is to end: as soon as nothing is left to be
/// sent, or at its deadline.
pub(super) async fn attend(core: &mut Core) {
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

pub(super) fn limit(configured: Duration) -> Duration {
    if configured.is_zero() { NEVER } else { configured }
}
