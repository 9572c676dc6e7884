//! The task of a connection: it gets links and works on them, one after the other, until it is told to end. A link to another broker than
//! the preferred one is left for that, with nothing in flight, when it is back (fail-back).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::connector::{Connector, Ending};
use super::core::Core;
use super::drive::{Drive, End};
use super::endpoints::Endpoints;
use super::handshake::Connected;
use super::inbox::Inbox;
use super::link_state::{LinkState, Remaining};
use super::permits::Permits;
use super::settings::Settings;
use crate::component::panic_error;
use crate::connect::Endpoint;
use crate::error::chain;
use crate::log::Logger;
use crate::mqtt::delivery::InDelivery;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Stream, Transport};
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttError};
use crate::text::clip;

/// How long what is in flight may take when a link is left, also where closing does not wait for it.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

/// Looking for the preferred broker more often would be a load on it.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// How often the interval is doubled at most.
const MAX_DOUBLINGS: u32 = 5;

/// The driver of one connection, with all that it is made of.
pub(crate) struct Driver {
    pub settings: Arc<Settings>,
    pub endpoints: Endpoints,
    pub inbox: Arc<Inbox>,
    pub permits: Arc<Permits>,
    pub logger: Logger,
    pub metrics: Arc<Metrics>,
    pub state: watch::Sender<LinkState>,
}

impl Driver {
    /// Runs a connection to its end.
    pub async fn run<P: Protocol>(self) {
        let Self { settings, endpoints, inbox, permits, logger, metrics, state } = self;
        let core = Core::new(
            Arc::clone(&settings),
            Arc::clone(&inbox),
            Arc::clone(&permits),
            logger.clone(),
            metrics,
            state.clone(),
        );
        let connector = Connector::new(Arc::clone(&settings), endpoints, logger.clone(), state.clone());
        let (held, last_state, task_inbox) = (core.receiving.held(), state.clone(), Arc::clone(&inbox));
        let mut task =
            Task { core, connector, settings, logger, inbox: task_inbox, state, futile_fail_backs: 0 };
        // Declared after `task`, so dropped before it: when dropping `task` drops the reply channels, the final state is
        // already set.
        let _teardown = Teardown { inbox, permits, held, state: last_state };
        let ended = AssertUnwindSafe(task.work::<P>()).catch_unwind().await;
        let ending = ended.unwrap_or_else(|panic| {
            let panic = panic_error("its task", &*panic).to_string().into();
            Ending::Failed(MqttError::Panicked { panic })
        });
        task.end(ending).await;
    }
}

struct Task {
    core: Core,
    connector: Connector,
    settings: Arc<Settings>,
    logger: Logger,
    inbox: Arc<Inbox>,
    state: watch::Sender<LinkState>,
    /// How often a link was left for the preferred broker since that one has accepted the client.
    futile_fail_backs: u32,
}

impl Task {
    /// Gets links and works on them until the connection ends.
    async fn work<P: Protocol>(&mut self) -> Ending {
        let (mut connected, mut endpoint) = match self.connector.open::<P>(&mut self.core).await {
            Ok(linked) => linked,
            Err(ending) => return ending,
        };
        loop {
            let at_once = match self.work_on(connected, &endpoint).await {
                End::Closed => return Ending::Closed,
                End::Left | End::Renewed => true,
                End::LinkError(lost) => match self.link_lost(lost) {
                    Ok(at_once) => at_once,
                    Err(ending) => return ending,
                },
            };
            (connected, endpoint) = match self.connector.reconnect::<P>(&mut self.core, at_once).await {
                Ok(linked) => linked,
                Err(ending) => return ending,
            };
        }
    }

    /// Handles the loss of a link. Returns whether to reconnect at once.
    fn link_lost(&mut self, lost: LinkError) -> Result<bool, Ending> {
        self.core.link_lost(&lost);
        // The status of the component tells everybody.
        self.logger.debug(format_args!("Lost the connection to the MQTT broker: {}", chain(&lost)));
        if !self.settings.retry_connect {
            return Err(Ending::Failed(MqttError::Down(lost)));
        }
        let at_once = self.core.take_poison_found();
        // While it is searched what ends the links, and once it is found, waits do not grow.
        if at_once || self.core.is_searching() {
            self.connector.reset_backoff();
        }
        self.state.send_replace(LinkState::Down(lost));
        // The state says that the link is down. Without the refusals before that, the filters would look granted.
        self.core.subscribing.forget_refusals();
        Ok(at_once)
    }

    /// Works on a link until it ends.
    async fn work_on<P: Protocol>(&mut self, connected: Connected<P, Stream>, endpoint: &Endpoint) -> End {
        let Connected { framed, session_present, limits } = connected;
        let begun = Instant::now();
        self.core.resume(endpoint, session_present, &limits, begun);
        let mut fail_back = FailBack::from(endpoint, &self.connector, self.futile_fail_backs);
        if fail_back.is_none() {
            self.futile_fail_backs = 0;
        }
        let mut drive = Drive::<P, _>::new(framed, limits, &mut self.core, &self.settings, begun);
        let end = match drive.restore().await {
            Err(end) => end,
            Ok(()) => {
                let address = endpoint.to_string();
                self.logger.info(format_args!("Connected to MQTT broker at {}", clip(&address)));
                let (endpoint, missing) = (address.into(), drive.missing());
                self.state.send_replace(LinkState::Up { endpoint, session_present, missing });
                stay(&mut drive, &mut fail_back, &self.inbox, &self.settings).await
            }
        };
        match end {
            End::LinkError(lost) => {
                drive.abandon(&lost).await;
                let explained = self.core.explains_an_end();
                return End::LinkError(self.connector.link_lost(lost, endpoint, begun.elapsed(), explained));
            }
            End::Closed => drive.finish().await,
            End::Left => {
                drive.finish().await;
                if let Some(fail_back) = fail_back {
                    self.left_for(&fail_back.preferred);
                }
            }
            End::Renewed => {
                drive.finish().await;
                self.core.link_left();
                self.state.send_replace(LinkState::Down(LinkError::Renewed));
            }
        }
        end
    }

    /// The link was left for the preferred broker.
    fn left_for(&mut self, preferred: &Endpoint) {
        self.futile_fail_backs += 1;
        self.logger.info(format_args!("Moving to the preferred MQTT broker at {preferred}"));
        self.core.link_left();
        self.connector.preferred_is_back(preferred);
        self.state.send_replace(LinkState::Down(LinkError::Moving { to: preferred.to_string().into() }));
    }

    async fn end(mut self, ending: Ending) {
        let state = match ending {
            Ending::Closed => LinkState::Closed(self.core.end(None).await),
            Ending::Failed(error) => {
                self.core.end(Some(&error)).await;
                LinkState::Failed(error)
            }
        };
        self.state.send_replace(state);
    }
}

/// The search for the preferred broker while the link is to another one.
struct FailBack {
    preferred: Endpoint,
    interval: Duration,
    /// How often the broker was found and the link was not left for it.
    futile: u32,
}

impl FailBack {
    /// Returns the search for the preferred broker, where the link is to another one. `futile` says how often a link was left
    /// for it, and it did not accept the client.
    fn from(endpoint: &Endpoint, connector: &Connector, futile: u32) -> Option<Self> {
        let (preferred, cooldown) = connector.preferred(endpoint)?;
        let interval = backed_off(cooldown.max(MIN_INTERVAL), futile);
        Some(Self { preferred: preferred.clone(), interval, futile: 0 })
    }

    /// Waits until something listens at the preferred broker.
    async fn is_back(&self, settings: &Settings) {
        loop {
            sleep(backed_off(self.interval, self.futile)).await;
            // No CONNECT: a broker that is the same behind both addresses would end the link that works.
            let dialled =
                timeout(settings.connect_limit(), Stream::dial(&self.preferred, &settings.tls)).await;
            if matches!(dialled, Ok(Ok(_))) {
                return;
            }
        }
    }
}

/// Returns the interval after so many futile attempts: each takes something from a link that works.
fn backed_off(interval: Duration, futile: u32) -> Duration {
    interval.saturating_mul(2_u32.pow(futile.min(MAX_DOUBLINGS)))
}

/// Works on a link until it ends, a new one is asked for, or the preferred broker is back; in the last two cases until the link
/// can be left with nothing lost.
async fn stay<P: Protocol, S: Transport>(
    drive: &mut Drive<'_, P, S>,
    fail_back: &mut Option<FailBack>,
    inbox: &Inbox,
    settings: &Settings,
) -> End {
    let patience = settings.close_timeout.max(MIN_PATIENCE);
    loop {
        let is_back = async {
            match fail_back.as_ref() {
                Some(fail_back) => fail_back.is_back(settings).await,
                None => std::future::pending().await,
            }
        };
        let renew = tokio::select! {
            biased;
            end = drive.run() => return end,
            () = inbox.renewal() => true,
            () = is_back => false,
        };
        let end = if renew { drive.renew(patience).await } else { drive.leave(patience).await };
        if let Some(end) = end {
            return end;
        }
        // Where something is always in flight, to be held up again and again would cost more than the move gains.
        if let Some(fail_back) = fail_back.as_mut().filter(|_| !renew) {
            fail_back.futile += 1;
        }
    }
}

/// Settles what the task leaves behind where it could not do so itself, because it was aborted or panicked: nobody waits for it.
struct Teardown {
    inbox: Arc<Inbox>,
    permits: Arc<Permits>,
    held: Arc<InDelivery>,
    state: watch::Sender<LinkState>,
}

impl Drop for Teardown {
    fn drop(&mut self) {
        let reason = self.inbox.end(MqttError::Closed);
        self.permits.close();
        self.state.send_if_modified(|state| {
            if matches!(state, LinkState::Closed(_) | LinkState::Failed(_)) {
                return false;
            }
            *state = match reason {
                // Its owner has done with it.
                MqttError::NotOpen | MqttError::WasClosed => LinkState::Closed(Remaining {
                    publishes: self.permits.in_flight(),
                    messages: self.held.messages(),
                    filters: 0,
                }),
                reason => LinkState::Failed(reason),
            };
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let intervals: Vec<u64> = (0..8).map(|futile| backed_off(second, futile).as_secs()).collect();
        assert_eq!(intervals, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(backed_off(Duration::MAX, 3), Duration::MAX);
    }
}
