//! The handle, and the life of what is behind it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::MqttSubscription;
use super::requests::Requests;
use crate::component::Budget;
use crate::log::Logger;
use crate::mqtt::driver::{
    Command, DeniedFilters, Endpoints, Inbox, LinkState, Parts, Permits, Remaining, Settings, run,
};
use crate::mqtt::metrics::Metrics;
use crate::mqtt::protocol::{V4, V5};
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::{Filter, without_controls};
use crate::mqtt::{MqttError, MqttVersion, SubscribeOptions};

/// How long an end may take beyond its deadline.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// A live connection to an MQTT broker. Cloning is cheap; all clones share one link.
///
/// It comes from [`MqttConnection::client`](crate::mqtt::MqttConnection::client). When the connection has closed, every
/// operation fails with `NOT_OPEN`.
#[derive(Clone)]
pub struct MqttClient(pub(super) Arc<Shared>);

crate::opaque::opaque!(MqttClient);

pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) permits: Arc<Permits>,
    pub(super) requests: Requests,
    state: watch::Receiver<LinkState>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Shared {
    /// Nobody can use the link any more: it is not left behind.
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}

impl MqttClient {
    /// Has the driver begin to connect.
    pub(crate) fn begin(
        settings: Settings,
        endpoints: Endpoints,
        logger: Logger,
        metrics: Arc<Metrics>,
    ) -> Self {
        let settings = Arc::new(settings);
        let inbox = Inbox::new();
        let permits = Arc::new(Permits::new(settings.max_inflight, settings.max_queued_bytes));
        let (sender, state) = watch::channel(LinkState::Connecting);
        let parts = Parts {
            settings: Arc::clone(&settings),
            endpoints,
            inbox: Arc::clone(&inbox),
            permits: Arc::clone(&permits),
            logger,
            metrics,
            state: sender,
        };
        let task = match settings.version {
            MqttVersion::V4 => tokio::spawn(run::<V4>(parts).in_current_span()),
            MqttVersion::V5 => tokio::spawn(run::<V5>(parts).in_current_span()),
        };
        let task = Mutex::new(Some(task));
        Self(Arc::new(Shared { settings, inbox, permits, requests: Requests::default(), state, task }))
    }

    /// Waits until the broker has said welcome, or why there is no connection.
    pub(crate) async fn welcomed(&self) -> Result<(), MqttError> {
        let mut state = self.state();
        let first = state.wait_for(|state| !matches!(state, LinkState::Connecting)).await;
        match first.as_deref() {
            Ok(LinkState::Failed(error)) => Err(error.clone()),
            Ok(LinkState::Closed(_)) | Err(_) => Err(MqttError::Closed),
            Ok(_) => Ok(()),
        }
    }

    /// How many messages of QoS 1 and 2 were accepted and are not acknowledged, and how many bytes of all that was accepted wait.
    pub(crate) fn unsent(&self) -> (usize, usize) {
        (self.0.permits.in_flight(), self.0.permits.queued_bytes())
    }

    /// Ends at once and without good-bye, whoever still has a handle.
    pub(crate) fn abandon(&self) {
        self.0.inbox.close(MqttError::NotOpen);
        self.0.permits.close();
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
    }

    /// The state of the link, to look at and to wait for.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.0.state.clone()
    }

    /// Whether the connection is open: the link may be down and coming back, but it was neither closed nor given up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.state.has_changed().is_ok()
            && !matches!(&*self.0.state.borrow(), LinkState::Closed(_) | LinkState::Failed(_))
    }

    /// Whether the link is up right now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        // What is sent while one link is left for another waits for that; but meanwhile there is none.
        self.0.inbox.is_up() && matches!(&*self.0.state.borrow(), LinkState::Up { .. })
    }

    /// The version of MQTT that is spoken.
    #[must_use]
    pub fn version(&self) -> MqttVersion {
        self.0.settings.version
    }

    /// The client id that the broker knows: the configured one, or the one that the broker has assigned.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.0.settings.client_id.get()
    }

    /// Has the link left in good order for a new one, on which the broker sends everything that stayed unacknowledged again.
    pub(crate) fn renew(&self) {
        self.0.inbox.renew();
    }

    /// Has messages that match `filter` sent to `listener`; returns when the broker has granted it.
    ///
    /// The listener is in place before the broker is asked, so that it misses nothing. While the link is down this waits.
    /// The same listener for the same filter once more changes the options; where that fails, they stay what they were. On a
    /// filter that a live one covers, the broker
    /// is asked for the wider one again, and the new listener alone gets the messages that the broker had kept.
    ///
    /// # Errors
    /// A filter that MQTT forbids, a refusal by the broker (which names the filter), `TIMEOUT` after
    /// `options.subscribe_timeout` (a new subscription is taken back then), or why there is no connection.
    pub async fn subscribe(
        &self,
        filter: &str,
        options: SubscribeOptions,
        listener: SharedListener,
    ) -> Result<MqttSubscription, MqttError> {
        if !self.0.settings.allow_control_characters {
            without_controls(filter)?;
        }
        let filter = Filter::new(filter)?;
        if self.version() == MqttVersion::V4 && options.needs_version_5() {
            let what = "`no_local`, `retain_as_published` and `retain_handling`";
            let why = "MQTT 3.1.1 has none of them; set `options.protocol_version = 5`";
            return Err(MqttError::Unsupported { what, why });
        }
        // MQTT-3.8.3-4 of 5: brokers end the link for it.
        if options.no_local && filter.group().is_some() {
            let why = "MQTT 5 forbids it, as one client of the group gets each message";
            return Err(MqttError::Unsupported { what: "`no_local` on a shared filter", why });
        }
        let (size, max) = (filter.as_str().len() + 16, self.0.settings.max_packet_size);
        if size > max {
            return Err(MqttError::TooLarge { topic: filter.as_str().into(), size, max });
        }
        let (reply, answer) = oneshot::channel();
        let asked = Arc::clone(&listener);
        self.0.inbox.push(Command::Subscribe { filter: filter.clone(), options, listener: asked, reply })?;
        // Whoever stops waiting does not want it: the subscription is taken back, or what it was before, unless it was granted.
        let pending = Pending { client: self, filter: &filter, listener: &listener, armed: true };
        let answer = self.limited("subscribe", answer).await?;
        // A refusal has been dealt with where it came from.
        pending.disarm();
        let granted = answer?;
        Ok(MqttSubscription::new(self.clone(), filter, listener, granted))
    }

    /// Takes a subscription back: from here on nothing more comes to this listener for this filter, but what came before and
    /// is acknowledged by hand ([`SubscribeOptions::manual_ack`]) still does. The broker is told when nobody else needs the
    /// filter. Returns whether there was such a subscription.
    ///
    /// Where the session is kept (`options.clean_session = false`), the broker may have filters of an earlier process. One
    /// that nobody here listens to is taken back too: then this waits for the broker's answer, and returns false. A
    /// subscription whose grant is still awaited fails with `UNSUBSCRIBED`.
    ///
    /// # Errors
    /// A filter that MQTT forbids, `TIMEOUT` after `options.subscribe_timeout`, or why there is no connection.
    pub async fn unsubscribe(&self, filter: &str, listener: &SharedListener) -> Result<bool, MqttError> {
        let filter = Filter::new(filter)?;
        let (reply, answer) = oneshot::channel();
        let listener = Arc::clone(listener);
        self.0.inbox.push(Command::Unsubscribe { filter, listener, reply })?;
        self.limited("unsubscribe", answer).await
    }

    /// Resolves when the broker does not grant this filter again, after the link broke, or when it rests since it ends links;
    /// with the error for whoever waits for its messages.
    pub(crate) async fn denied(&self, filter: &str) -> MqttError {
        let mut denied = self.denials();
        loop {
            let found = denial(&denied.borrow_and_update(), filter);
            if let Some(found) = found {
                return found;
            }
            if denied.changed().await.is_err() {
                return self.ended();
            }
        }
    }

    /// The filters that the broker does not grant again.
    pub(crate) fn denials(&self) -> watch::Receiver<DeniedFilters> {
        self.0.inbox.denied().subscribe()
    }

    async fn limited<T>(
        &self,
        operation: &'static str,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, MqttError> {
        let limit = self.0.settings.subscribe_timeout;
        let answer = if limit.is_zero() { Ok(answer.await) } else { timeout(limit, answer).await };
        match answer {
            Ok(answer) => answer.map_err(|_| self.ended()),
            Err(_) => Err(MqttError::TimedOut { operation, limit, accepted: true }),
        }
    }

    /// Why there is no connection any more.
    pub(super) fn ended(&self) -> MqttError {
        self.0.inbox.closed().unwrap_or(MqttError::NotOpen)
    }

    /// Ends the connection: sends what was accepted and waits for its acknowledgements, until `limit` or most of the budget
    /// has passed; then says good-bye to the broker. Tells what was left. Nothing is taken any more from the moment of the call.
    pub(crate) async fn close(&self, limit: Duration, budget: Budget) -> Remaining {
        let limit = budget.last_step(limit);
        self.0.inbox.stop(Instant::now() + limit);
        self.0.permits.close();
        let mut state = self.state();
        let ended = |state: &LinkState| matches!(state, LinkState::Closed(_) | LinkState::Failed(_));
        // The driver ends at its deadline; the rest is for saying good-bye.
        let good_bye = budget.left().map_or(GOOD_BYE, |left| GOOD_BYE.min(left.saturating_sub(limit) / 2));
        let in_time = timeout(limit + good_bye, state.wait_for(ended)).await.is_ok();
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
        if !in_time {
            // It says what it leaves when it is gone; something that does not return may hold it up for ever.
            let _ = timeout(budget.step(GOOD_BYE), state.wait_for(ended)).await;
        }
        match &*state.borrow() {
            LinkState::Closed(remaining) => *remaining,
            LinkState::Failed(_) => Remaining::default(),
            _ => Remaining { publishes: self.0.permits.in_flight(), ..Remaining::default() },
        }
    }
}

/// Why the broker does not grant a filter, where it is one of these.
pub(in crate::mqtt) fn denial(filters: &DeniedFilters, filter: &str) -> Option<MqttError> {
    filters.get(filter).map(|denial| denial.error().clone())
}

/// Takes a subscription back, or its change, if whoever asked for it stops waiting.
struct Pending<'a> {
    client: &'a MqttClient,
    filter: &'a Filter,
    listener: &'a SharedListener,
    armed: bool,
}

impl Pending<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.armed {
            let (filter, listener) = (self.filter.clone(), Arc::clone(self.listener));
            // A connection that has closed needs no taking back.
            let _ = self.client.0.inbox.push(Command::GiveUp { filter, listener });
        }
    }
}
