//! The client: everything that can be done with a live connection.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::delivery::Delivery;
use super::handle::Handle;
use super::messages::{MqttMessages, messages};
use super::requests::Requests;
use super::subscription::{MqttSubscription, subscribe};
use crate::log::Logger;
use crate::mqtt::driver::{Endpoints, LinkState, Settings};
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::Filter;
use crate::mqtt::types::Metrics;
use crate::mqtt::{MqttError, MqttMessage, MqttVersion, PublishOptions, SubscribeOptions};

/// A live connection to an MQTT broker. Cloning is cheap; all clones share one link.
///
/// It comes from [`MqttConnection::client`](crate::mqtt::MqttConnection::client). When the connection has closed, every
/// operation fails with `NOT_OPEN`.
#[derive(Clone)]
pub struct MqttClient {
    handle: Arc<Handle>,
    requests: Arc<Requests>,
}

crate::opaque::opaque!(MqttClient);

impl MqttClient {
    /// Starts the driver, which begins to connect.
    pub(crate) fn start(
        settings: Settings,
        endpoints: Endpoints,
        logger: Logger,
        metrics: Arc<Metrics>,
    ) -> Self {
        let handle = Handle::start(settings, endpoints, logger, metrics);
        Self { handle: Arc::new(handle), requests: Arc::default() }
    }

    /// Returns what only the connection and its queues may do with the driver.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the state of the link, to look at and to wait for.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.handle.state()
    }

    /// Whether the connection is open: the link may be down and coming back, but it was neither closed nor given up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.handle.is_open()
    }

    /// Whether the link is up right now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.handle.is_up()
    }

    /// Returns the version of MQTT in use.
    #[must_use]
    pub fn version(&self) -> MqttVersion {
        self.handle.settings().version
    }

    /// Returns the client id that the broker knows: the configured one, or the one that the broker has assigned.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.handle.settings().client_id.get()
    }

    /// Publishes a message. Returns when the broker has acknowledged (QoS 1 and 2) or the bytes are written (QoS 0).
    ///
    /// It waits while the window or the bound of memory is full, and QoS 1 and 2 wait while the link is down. Dropped while
    /// it waits for room, nothing is sent; once accepted, the message is sent whatever becomes of this future.
    ///
    /// # Errors
    /// A topic that MQTT forbids, a packet larger than permitted, `TIMEOUT` (the error says whether the message had been
    /// accepted), `SESSION_LOST` for a QoS 2 message that can no longer be proven, `PUBLISH_ENDS_LINKS` for a message
    /// that the broker ends links for one after the other, `CONNECTION_LOST` at QoS 0 while the link is down, or why there is no
    /// connection.
    pub async fn publish(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        self.handle.publish(topic.into(), payload.into(), options).await
    }

    /// Publishes a message, and returns when it is accepted; the [`Delivery`] resolves when it has arrived. This is the way to
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
        self.handle.send(topic.into(), payload.into(), options).await
    }

    /// Publishes a message if there is room for it now.
    ///
    /// # Errors
    /// `WINDOW_FULL` if there is none; else as [`MqttClient::send`].
    pub fn try_publish(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<Delivery, MqttError> {
        self.handle.try_send(topic.into(), payload.into(), options)
    }

    /// Publishes a request and waits for its answer: the first message that brings the request's correlation data to the
    /// topic of this client's own that the request names. Any number of requests can wait at a time. QoS 0 requests and
    /// answers may be lost: then the time runs out.
    ///
    /// The answers come to `<options.response_topic>/<client id>/<8 hexadecimal digits>`, to which the first request
    /// subscribes at QoS 1.
    ///
    /// ```no_run
    /// # async fn ask(client: wirework::mqtt::MqttClient) -> Result<(), wirework::Error> {
    /// use wirework::mqtt::PublishOptions;
    /// let answer = client.request("clock/now", "", PublishOptions::at_least_once()).await?;
    /// println!("{:?}", answer.text());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NOT_SUPPORTED` on 3.1.1, `SUBSCRIPTION_LOST` where the broker does not grant the topic of the answers again, `TIMEOUT` when
    /// no answer has come within `options.timeout` (or `options.publish_timeout` of the connection), and those of [`MqttClient::publish`] and [`MqttClient::subscribe`].
    pub async fn request(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<MqttMessage, MqttError> {
        self.requests.request(&self.handle, topic.into(), payload.into(), options).await
    }

    /// Publishes the answer to a request, with the correlation data it came with.
    ///
    /// # Errors
    /// `BAD_PROPERTY` where the message names no response topic, and those of [`MqttClient::publish`].
    pub async fn answer(
        &self,
        request: &MqttMessage,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        self.requests.answer(&self.handle, request, payload.into(), options).await
    }

    /// Subscribes `listener` to the messages that match `filter`. Returns when the broker has granted it.
    ///
    /// The listener is in place before the broker is asked, so that it misses nothing. While the link is down this waits.
    /// The same listener for the same filter once more changes the options; where that fails, they stay what they were. On a
    /// filter that a live one covers, the broker
    /// is asked for the wider one again, and the new listener alone gets the retained messages.
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
        subscribe(&self.handle, filter, options, listener).await
    }

    /// Ends a subscription: from here on nothing more comes to this listener for this filter, but what came before and
    /// is acknowledged by hand ([`SubscribeOptions::manual_ack`]) still does. UNSUBSCRIBE is sent when nobody else needs the
    /// filter. Returns whether there was such a subscription.
    ///
    /// Where the session is persistent (`options.clean_session = false`), the broker may have filters of an earlier process. One
    /// that nobody here listens to is taken back too: then this waits for the broker's answer, and returns false. A
    /// subscription whose grant is still awaited fails with `UNSUBSCRIBED`.
    ///
    /// # Errors
    /// A filter that MQTT forbids, `TIMEOUT` after `options.subscribe_timeout`, or why there is no connection.
    pub async fn unsubscribe(&self, filter: &str, listener: &SharedListener) -> Result<bool, MqttError> {
        self.handle.unsubscribe(Filter::new(filter)?, listener).await
    }

    /// Subscribes, and returns the messages as a stream; see [`MqttMessages`]. For many messages at a time, or work beside them, give
    /// a listener to [`MqttClient::subscribe`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), wirework::Error> {
    /// use wirework::mqtt::{MqttConnection, SubscribeOptions};
    /// let connection = MqttConnection::connect("mqtt://127.0.0.1").await?;
    /// let client = connection.client()?;
    /// let mut messages = client.messages("sensors/#", SubscribeOptions::at_least_once()).await?;
    /// while let Some(message) = messages.next().await {
    ///     println!("{}: {:?}", message.topic, message.text());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`MqttClient::subscribe`].
    pub async fn messages(&self, filter: &str, options: SubscribeOptions) -> Result<MqttMessages, MqttError> {
        messages(&self.handle, filter, options).await
    }
}
