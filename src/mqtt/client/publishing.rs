//! Publishing: checked, admitted, accepted, acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::{Delivery, MqttClient};
use crate::mqtt::driver::{Accepted, Command, Permit, Refused};
use crate::mqtt::properties::write_trace;
use crate::mqtt::protocol::{Extra, Protocol, Publish, V4, V5};
use crate::mqtt::topic::{Topic, without_controls};
use crate::mqtt::{Lost, MqttError, MqttVersion, PublishOptions, QoS};
use crate::time::NEVER;

impl MqttClient {
    /// Publishes, and returns when the broker has acknowledged (QoS 1 and 2) or the bytes are written (QoS 0).
    ///
    /// It waits while the window or the bound of memory is full, and QoS 1 and 2 wait while the link is down. Dropped while
    /// it waits for room, nothing is sent; once accepted, the message is sent whatever becomes of this future.
    ///
    /// # Errors
    /// A topic that MQTT forbids, a packet larger than permitted, `TIMEOUT` (the error says whether the message had been
    /// accepted), `SESSION_LOST` for a QoS 2 message that can no longer be proven, `PUBLISH_ENDS_LINKS` for a message
    /// that the broker ends links for one after the other, `CONNECTION_LOST` at QoS 0 while the link is down, or why there is no connection.
    pub async fn publish(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        let limit = options.timeout.unwrap_or(self.0.settings.publish_timeout);
        let deadline = Instant::now() + if limit.is_zero() { NEVER } else { limit.min(NEVER) };
        let timed_out = |accepted| move |_| MqttError::TimedOut { operation: "publish", limit, accepted };
        let sent = timeout_at(deadline, self.send(topic, payload, options));
        let delivery = sent.await.map_err(timed_out(false))??;
        timeout_at(deadline, delivery).await.map_err(timed_out(true))?
    }

    /// Hands over a message and returns when it is accepted; the [`Delivery`] tells when it has arrived. This is the way to
    /// publish many messages without awaiting each. Without limit of time.
    ///
    /// ```no_run
    /// # async fn many(client: wirework::mqtt::MqttClient) -> Result<(), wirework::Error> {
    /// use wirework::mqtt::PublishOptions;
    /// let mut deliveries = Vec::new();
    /// for number in 0..1000 {
    ///     let options = PublishOptions::at_least_once();
    ///     deliveries.push(client.send("numbers", number.to_string(), options).await?);
    /// }
    /// for delivery in deliveries {
    ///     delivery.await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`MqttClient::publish`], as far as they come before acceptance.
    pub async fn send(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<Delivery, MqttError> {
        let (qos, waits) = (options.qos, options.wait);
        let (publish, size) = self.check(topic.into(), payload.into(), options)?;
        let permit = match self.0.permits.try_take(qos, size) {
            Ok(permit) => permit,
            Err(Refused::Full) => self.0.permits.take(qos, size).await.map_err(|_| self.ended())?,
            Err(Refused::Closed) => return Err(self.ended()),
        };
        self.hand_over(publish, waits, permit)
    }

    /// Hands over a message if there is room for it now.
    ///
    /// # Errors
    /// `WINDOW_FULL` if there is none; else as [`MqttClient::send`].
    pub fn try_publish(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<Delivery, MqttError> {
        let (qos, waits) = (options.qos, options.wait);
        let (publish, size) = self.check(topic.into(), payload.into(), options)?;
        let permit = self.0.permits.try_take(qos, size).map_err(|refused| match refused {
            Refused::Closed => self.ended(),
            Refused::Full => {
                let permits = &self.0.permits;
                MqttError::Full { in_flight: permits.in_flight(), queued_bytes: permits.queued_bytes() }
            }
        })?;
        self.hand_over(publish, waits, permit)
    }

    fn hand_over(&self, publish: Publish, waits: bool, permit: Permit<'_>) -> Result<Delivery, MqttError> {
        let (reply, answer) = oneshot::channel();
        let cost = permit.cost;
        self.0.intake.push(Command::Publish(Accepted { publish, waits, cost, reply }))?;
        permit.keep();
        Ok(Delivery::new(answer))
    }

    /// What can be said of a message before anything is sent.
    fn check(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(Publish, usize), MqttError> {
        Topic::new(&topic)?;
        if !self.0.settings.allow_control_characters {
            without_controls(&topic)?;
        }
        let extra = match self.0.settings.version {
            MqttVersion::V4 if options.properties.is_some() => {
                let why = "MQTT 3.1.1 has none; set `options.protocol_version = 5`";
                return Err(MqttError::Unsupported { what: "message properties", why });
            }
            MqttVersion::V4 => None,
            MqttVersion::V5 => extra(&options)?,
        };
        let publish = Publish { topic, payload, qos: options.qos, retain: options.retain, extra };
        let size = match self.0.settings.version {
            MqttVersion::V4 => V4::publish_size(&publish),
            MqttVersion::V5 => V5::publish_size(&publish),
        };
        let max = self.0.settings.max_packet_size;
        if size > max {
            return Err(MqttError::TooLarge { topic: publish.topic, size, max });
        }
        if options.qos == QoS::AtMostOnce && !options.wait && !self.0.intake.is_up() {
            return Err(if self.is_open() { MqttError::Down(self.why_down()) } else { self.ended() });
        }
        Ok((publish, size))
    }

    fn why_down(&self) -> Lost {
        match &*self.state().borrow() {
            crate::mqtt::LinkState::Down(lost) => lost.clone(),
            _ => Lost::NotYet,
        }
    }
}

/// What a message carries on MQTT 5. Its time runs from here on.
fn extra(options: &PublishOptions) -> Result<Option<Arc<Extra>>, MqttError> {
    if options.properties.is_none() && options.trace_id.is_none() {
        return Ok(None);
    }
    let mut properties = options.properties.as_deref().cloned().unwrap_or_default();
    properties.check()?;
    if let Some(trace) = options.trace_id.as_deref().and_then(write_trace) {
        properties.user.push(trace);
    }
    let now = Instant::now();
    // No clock that there is ends before the longest expiry that MQTT has.
    let expires = properties.expiry.map(|expiry| now.checked_add(expiry).unwrap_or(now + NEVER));
    Ok(Some(Arc::new(Extra { properties, expires })))
}
