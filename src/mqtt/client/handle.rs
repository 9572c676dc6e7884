//! What all clones of a client share: the way to the driver, by which messages are published, and the end of its task.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::delivery::Delivery;
use super::publish_span::PublishSpan;
use crate::component::Budget;
use crate::log::Logger;
use crate::mqtt::driver::{
    Accepted, Command, DeniedFilters, Driver, Endpoints, Inbox, LinkState, NoPermit, Permit, Permits,
    Remaining, Settings,
};
use crate::mqtt::protocol::{Extra, Protocol, Publish, V4, V5};
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::{Filter, Topic, without_controls};
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttError, MqttVersion, PublishOptions, QoS};
use crate::time::NEVER;
use crate::trace::Tracer;

/// How long the end of the task may take beyond its deadline.
const GRACE: Duration = Duration::from_secs(1);

/// The driver of a client, as seen from outside its task. When the handle is dropped, the task ends.
pub(crate) struct Handle {
    settings: Arc<Settings>,
    inbox: Arc<Inbox>,
    permits: Arc<Permits>,
    state: watch::Receiver<LinkState>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Handle {
    /// Starts the driver, which begins to connect.
    pub fn start(settings: Settings, endpoints: Endpoints, logger: Logger, metrics: Arc<Metrics>) -> Self {
        let settings = Arc::new(settings);
        let inbox = Inbox::new();
        let permits = Arc::new(Permits::new(settings.max_inflight, settings.max_queued_bytes));
        let (sender, state) = watch::channel(LinkState::Connecting);
        let driver = Driver {
            settings: Arc::clone(&settings),
            endpoints,
            inbox: Arc::clone(&inbox),
            permits: Arc::clone(&permits),
            logger,
            metrics,
            state: sender,
        };
        let task = match settings.version {
            MqttVersion::V4 => tokio::spawn(driver.run::<V4>().in_current_span()),
            MqttVersion::V5 => tokio::spawn(driver.run::<V5>().in_current_span()),
        };
        Self { settings, inbox, permits, state, task: Mutex::new(Some(task)) }
    }

    fn abort(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
    }

    /// Waits until a broker has accepted the client, or returns why there is no connection.
    pub async fn connected(&self) -> Result<(), MqttError> {
        let mut state = self.state();
        let first = state.wait_for(|state| !matches!(state, LinkState::Connecting)).await;
        match first.as_deref() {
            Ok(LinkState::Failed(error)) => Err(error.clone()),
            Ok(LinkState::Closed(_)) | Err(_) => Err(MqttError::Closed),
            Ok(_) => Ok(()),
        }
    }

    /// Returns the deadline of an operation that begins now; a limit of zero is none.
    pub fn deadline(limit: Duration) -> Instant {
        Instant::now() + if limit.is_zero() { NEVER } else { limit.min(NEVER) }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the state of the link, to look at and to wait for.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Whether the connection was neither closed nor given up.
    pub fn is_open(&self) -> bool {
        self.state.has_changed().is_ok() && !is_ended(&self.state.borrow())
    }

    /// Whether the link is up.
    pub fn is_up(&self) -> bool {
        // While one link is replaced by another, messages are accepted although there is none.
        self.inbox.is_up() && matches!(&*self.state.borrow(), LinkState::Up { .. })
    }

    /// Returns why a message that does not wait for a link is not accepted, if so.
    fn why_down(&self) -> Option<MqttError> {
        if self.inbox.is_up() {
            return None;
        }
        if !self.is_open() {
            return Some(self.ended());
        }
        Some(MqttError::Down(match &*self.state.borrow() {
            LinkState::Down(lost) => lost.clone(),
            _ => LinkError::NotYet,
        }))
    }

    /// Returns why there is no connection any more.
    pub fn ended(&self) -> MqttError {
        self.inbox.closed().unwrap_or(MqttError::NotOpen)
    }

    /// Waits until there is no connection any more, and returns why.
    pub async fn until_ended(&self) -> MqttError {
        // Without a sender the task has ended.
        let _ = self.state().wait_for(is_ended).await;
        self.ended()
    }

    /// Hands a command to the driver.
    pub fn push(&self, command: Command) -> Result<(), MqttError> {
        self.inbox.push(command)
    }

    /// Waits for the answer to a command, as long as subscribing may take.
    pub async fn answer<T>(
        &self,
        operation: &'static str,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, MqttError> {
        let limit = self.settings.subscribe_timeout;
        let answer = if limit.is_zero() { Ok(answer.await) } else { timeout(limit, answer).await };
        match answer {
            Ok(answer) => answer.map_err(|_| self.ended()),
            Err(_) => Err(MqttError::TimedOut { operation, limit, accepted: true }),
        }
    }

    /// Publishes a message, and waits until it has arrived.
    pub async fn publish(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        let limit = options.timeout.unwrap_or(self.settings().publish_timeout);
        let deadline = Self::deadline(limit);
        let (named, qos) = (Arc::clone(&topic), options.qos);
        let timed_out = |accepted| MqttError::TimedOut { operation: "publish", limit, accepted };
        let sent = timeout_at(deadline, self.send(topic, payload, options));
        let mut delivery = sent.await.map_err(|_| timed_out(false))??;
        let answer = timeout_at(deadline, &mut delivery).await;
        answer.unwrap_or_else(|_| {
            let is_up = matches!(*self.state.borrow(), LinkState::Up { .. });
            let unanswered = Err(match qos {
                QoS::AtLeastOnce | QoS::ExactlyOnce if is_up => {
                    MqttError::PublishUnanswered { topic: named, limit, version: self.settings.version }
                }
                _ => timed_out(true),
            });
            delivery.give_up(&unanswered);
            unanswered
        })
    }

    /// Hands a message to the driver, once there is room for it.
    pub async fn send(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<Delivery, MqttError> {
        let (qos, waits) = (options.qos, options.wait);
        let (publish, size, span) = self.check(topic, payload, options)?;
        match self.permit(qos, size).await {
            Ok(permit) => self.hand_over(publish, waits, permit, span),
            Err(error) => Err(span.fail(error)),
        }
    }

    /// Hands a message to the driver, if there is room for it now.
    pub fn try_send(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<Delivery, MqttError> {
        let (qos, waits) = (options.qos, options.wait);
        let (publish, size, span) = self.check(topic, payload, options)?;
        match self.try_permit(qos, size) {
            Ok(permit) => self.hand_over(publish, waits, permit, span),
            Err(error) => Err(span.fail(error)),
        }
    }

    fn hand_over(
        &self,
        publish: Publish,
        waits: bool,
        permit: Permit<'_>,
        span: PublishSpan,
    ) -> Result<Delivery, MqttError> {
        let (reply, answer) = oneshot::channel();
        let cost = permit.cost();
        match self.push(Command::Publish(Accepted { publish, waits, cost, reply })) {
            Ok(()) => {
                permit.forget();
                Ok(Delivery::new(answer, span))
            }
            Err(error) => Err(span.fail(error)),
        }
    }

    /// Returns the message, its size on the wire and its span, where it can be sent.
    fn check(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(Publish, usize, PublishSpan), MqttError> {
        let settings: &Settings = self.settings();
        Topic::new(&topic)?;
        if !settings.allow_control_characters {
            without_controls(&topic)?;
        }
        let span = PublishSpan::begin(&settings.tracer, &topic, &options);
        let extra = match settings.version {
            MqttVersion::V4 if options.properties.is_some() => {
                let why = "MQTT 3.1.1 has none; set `options.protocol_version = 5`";
                return Err(span.fail(MqttError::Unsupported { what: "message properties", why }));
            }
            MqttVersion::V4 => None,
            MqttVersion::V5 => match extra(&options, &span, &settings.tracer) {
                Ok(extra) => extra,
                Err(error) => return Err(span.fail(error)),
            },
        };
        let publish = Publish { topic, payload, qos: options.qos, retain: options.retain, extra };
        let size = match settings.version {
            MqttVersion::V4 => V4::publish_size(&publish),
            MqttVersion::V5 => V5::publish_size(&publish),
        };
        let max = settings.max_packet_size;
        if size > max {
            return Err(span.fail(MqttError::TooLarge { topic: publish.topic, size, max }));
        }
        if options.qos == QoS::AtMostOnce
            && !options.wait
            && let Some(error) = self.why_down()
        {
            return Err(span.fail(error));
        }
        Ok((publish, size, span))
    }

    /// Waits for a permit for a message of this size.
    async fn permit(&self, qos: QoS, size: usize) -> Result<Permit<'_>, MqttError> {
        let permit = match self.permits.try_take(qos, size) {
            Err(NoPermit::Full) => self.permits.take(qos, size).await,
            permit => permit,
        };
        permit.map_err(|_| self.ended())
    }

    /// Takes a permit for a message of this size, if there is room now.
    fn try_permit(&self, qos: QoS, size: usize) -> Result<Permit<'_>, MqttError> {
        self.permits.try_take(qos, size).map_err(|refused| match refused {
            NoPermit::Closed => self.ended(),
            NoPermit::Full => {
                let (in_flight, queued_bytes) = self.unsent();
                MqttError::Full { in_flight, queued_bytes }
            }
        })
    }

    /// Returns how many messages of QoS 1 and 2 are accepted and not acknowledged, and how many bytes accepted messages take.
    pub fn unsent(&self) -> (usize, usize) {
        (self.permits.in_flight(), self.permits.queued_bytes())
    }

    /// Ends a subscription. Returns whether there was one.
    pub async fn unsubscribe(&self, filter: Filter, listener: &SharedListener) -> Result<bool, MqttError> {
        let (reply, answer) = oneshot::channel();
        let listener = Arc::clone(listener);
        self.push(Command::Unsubscribe { filter, listener, reply })?;
        self.answer("unsubscribe", answer).await
    }

    /// Has the link replaced by a new one, in good order: there the broker sends everything that stayed unacknowledged again.
    pub fn renew(&self) {
        self.inbox.renew();
    }

    /// Waits until the broker does not grant this filter any more, or it is in quarantine. Returns the error for whoever waits
    /// for its messages.
    pub async fn denied(&self, filter: &str) -> MqttError {
        let mut denied = self.denials();
        loop {
            let found = denied.borrow_and_update().error(filter).cloned();
            if let Some(found) = found {
                return found;
            }
            if denied.changed().await.is_err() {
                return self.ended();
            }
        }
    }

    /// Returns the filters that the broker does not grant any more, to look at and to wait for.
    pub fn denials(&self) -> watch::Receiver<DeniedFilters> {
        self.inbox.denied().subscribe()
    }

    /// Ends at once and without DISCONNECT, whoever still has a handle.
    pub fn abandon(&self) {
        self.inbox.close(MqttError::WasClosed);
        self.permits.close();
        self.abort();
    }

    /// Ends the connection: sends what was accepted and waits for its acknowledgements, until `limit` or most of the budget has
    /// passed; then sends DISCONNECT. Returns what was left. Nothing is accepted any more from the moment of the call.
    pub async fn close(&self, limit: Duration, budget: Budget) -> Remaining {
        let limit = budget.last_step(limit);
        self.inbox.stop(Instant::now() + limit);
        self.permits.close();
        let mut state = self.state();
        // The driver ends at its deadline; what is left is for DISCONNECT.
        let grace = budget.left().map_or(GRACE, |left| GRACE.min(left.saturating_sub(limit) / 2));
        let in_time = timeout(limit + grace, state.wait_for(is_ended)).await.is_ok();
        self.abort();
        if !in_time {
            // The task says what it leaves when it is gone; a listener that does not return may hold it up for ever.
            let _ = timeout(budget.step(GRACE), state.wait_for(is_ended)).await;
        }
        match &*state.borrow() {
            LinkState::Closed(remaining) => *remaining,
            LinkState::Failed(_) => Remaining::default(),
            _ => Remaining { publishes: self.permits.in_flight(), ..Remaining::default() },
        }
    }
}

fn is_ended(state: &LinkState) -> bool {
    matches!(state, LinkState::Closed(_) | LinkState::Failed(_))
}

/// Returns what a message carries on MQTT 5 only. Its expiry interval begins now.
fn extra(
    options: &PublishOptions,
    span: &PublishSpan,
    tracer: &Tracer,
) -> Result<Option<Arc<Extra>>, MqttError> {
    let is_traced = options.trace.is_some() || options.trace_id.is_some() || span.is_recorded();
    if options.properties.is_none() && !is_traced {
        return Ok(None);
    }
    let mut properties = options.properties.as_deref().cloned().unwrap_or_default();
    properties.check()?;
    if is_traced {
        span.mark(tracer, options, &mut properties.user);
    }
    let now = Instant::now();
    // No clock that there is ends before the longest expiry that MQTT has.
    let expires = properties.expiry.map(|expiry| now.checked_add(expiry).unwrap_or(now + NEVER));
    Ok(Some(Arc::new(Extra { properties, expires })))
}
