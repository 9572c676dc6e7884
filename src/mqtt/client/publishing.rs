//! Publishing: checked, permitted, accepted, acknowledged.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::handle::Handle;
use crate::mqtt::driver::{Accepted, Answer, Command, Permit, Settings};
use crate::mqtt::properties::TraceId;
use crate::mqtt::protocol::{Extra, Protocol, Publish, V4, V5};
use crate::mqtt::topic::{Topic, without_controls};
use crate::mqtt::{MqttError, MqttVersion, PublishOptions, QoS};
use crate::time::NEVER;

/// An accepted message. Await it to learn that the broker has acknowledged it (QoS 1 and 2) or that its bytes
/// are written (QoS 0); drop it if that does not matter: the message is sent all the same.
///
/// It has no limit of time of its own; `tokio::time::timeout` gives it one.
#[derive(Debug)]
#[must_use = "await it to learn whether the message arrived, or drop it on purpose"]
pub struct Delivery(Answer);

impl Future for Delivery {
    type Output = Result<(), MqttError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The driver answers everybody before it ends; without an answer it was torn down with the client.
        Pin::new(&mut self.0).poll(cx).map(|answer| match answer {
            Ok(result) => result.map_err(|error| *error),
            Err(_) => Err(MqttError::Closed),
        })
    }
}

/// Publishes a message, and waits until it has arrived.
pub(super) async fn publish(
    handle: &Handle,
    topic: Arc<str>,
    payload: Bytes,
    options: PublishOptions,
) -> Result<(), MqttError> {
    let limit = options.timeout.unwrap_or(handle.settings().publish_timeout);
    let deadline = Handle::deadline(limit);
    let timed_out = |accepted| move |_| MqttError::TimedOut { operation: "publish", limit, accepted };
    let sent = timeout_at(deadline, send(handle, topic, payload, options));
    let delivery = sent.await.map_err(timed_out(false))??;
    timeout_at(deadline, delivery).await.map_err(timed_out(true))?
}

/// Hands a message to the driver, once there is room for it.
pub(super) async fn send(
    handle: &Handle,
    topic: Arc<str>,
    payload: Bytes,
    options: PublishOptions,
) -> Result<Delivery, MqttError> {
    let (qos, waits) = (options.qos, options.wait);
    let (publish, size) = check(handle, topic, payload, options)?;
    let permit = handle.permit(qos, size).await?;
    hand_over(handle, publish, waits, permit)
}

/// Hands a message to the driver, if there is room for it now.
pub(super) fn try_send(
    handle: &Handle,
    topic: Arc<str>,
    payload: Bytes,
    options: PublishOptions,
) -> Result<Delivery, MqttError> {
    let (qos, waits) = (options.qos, options.wait);
    let (publish, size) = check(handle, topic, payload, options)?;
    let permit = handle.try_permit(qos, size)?;
    hand_over(handle, publish, waits, permit)
}

fn hand_over(
    handle: &Handle,
    publish: Publish,
    waits: bool,
    permit: Permit<'_>,
) -> Result<Delivery, MqttError> {
    let (reply, answer) = oneshot::channel();
    let cost = permit.cost();
    handle.push(Command::Publish(Accepted { publish, waits, cost, reply }))?;
    permit.forget();
    Ok(Delivery(answer))
}

/// Returns the message and its size on the wire, where it can be sent.
fn check(
    handle: &Handle,
    topic: Arc<str>,
    payload: Bytes,
    options: PublishOptions,
) -> Result<(Publish, usize), MqttError> {
    let settings: &Settings = handle.settings();
    Topic::new(&topic)?;
    if !settings.allow_control_characters {
        without_controls(&topic)?;
    }
    let extra = match settings.version {
        MqttVersion::V4 if options.properties.is_some() => {
            let why = "MQTT 3.1.1 has none; set `options.protocol_version = 5`";
            return Err(MqttError::Unsupported { what: "message properties", why });
        }
        MqttVersion::V4 => None,
        MqttVersion::V5 => extra(&options)?,
    };
    let publish = Publish { topic, payload, qos: options.qos, retain: options.retain, extra };
    let size = match settings.version {
        MqttVersion::V4 => V4::publish_size(&publish),
        MqttVersion::V5 => V5::publish_size(&publish),
    };
    let max = settings.max_packet_size;
    if size > max {
        return Err(MqttError::TooLarge { topic: publish.topic, size, max });
    }
    if options.qos == QoS::AtMostOnce
        && !options.wait
        && let Some(error) = handle.why_down()
    {
        return Err(error);
    }
    Ok((publish, size))
}

/// Returns what a message carries on MQTT 5 only. Its expiry interval begins now.
fn extra(options: &PublishOptions) -> Result<Option<Arc<Extra>>, MqttError> {
    if options.properties.is_none() && options.trace_id.is_none() {
        return Ok(None);
    }
    let mut properties = options.properties.as_deref().cloned().unwrap_or_default();
    properties.check()?;
    if let Some(trace) = options.trace_id.as_deref().and_then(TraceId::property) {
        properties.user.push(trace);
    }
    let now = Instant::now();
    // No clock that there is ends before the longest expiry that MQTT has.
    let expires = properties.expiry.map(|expiry| now.checked_add(expiry).unwrap_or(now + NEVER));
    Ok(Some(Arc::new(Extra { properties, expires })))
}
