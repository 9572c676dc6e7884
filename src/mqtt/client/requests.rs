//! Requests and their answers, on MQTT 5.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OnceCell, oneshot};
use tokio::time::{Instant, timeout_at};

use super::MqttClient;
use crate::mqtt::{
    LinkState, MessageProperties, MqttError, MqttMessage, MqttVersion, PublishOptions, SubscribeOptions,
};
use crate::time::NEVER;

/// The requests of a client that wait for their answers; all of them come over one subscription.
#[derive(Default)]
pub(super) struct Requests {
    /// The topic of the answers, once it is subscribed to.
    topic: OnceCell<Arc<str>>,
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: AtomicU64,
    answers: Mutex<HashMap<u64, oneshot::Sender<MqttMessage>>>,
}

impl Waiting {
    fn answers(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<MqttMessage>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer to the request that it is for. One that comes again, or too late, is for nobody.
    fn came(&self, message: MqttMessage) {
        let number = message.properties.correlation_data().and_then(|data| data.try_into().ok());
        let request = number.and_then(|number| self.answers().remove(&u64::from_be_bytes(number)));
        if let Some(request) = request {
            // Whoever asked may just have given up.
            let _ = request.send(message);
        }
    }
}

/// Forgets a request whose caller stops waiting.
struct Pending<'a> {
    waiting: &'a Waiting,
    number: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.waiting.answers().remove(&self.number);
    }
}

impl MqttClient {
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
    /// `NOT_SUPPORTED` on 3.1.1, `SUBSCRIPTION_LOST` where the broker does not grant the topic of the answers again, `TIMEOUT` when no answer has come within `options.timeout` (or
    /// `options.publish_timeout` of the connection), and those of [`MqttClient::publish`] and [`MqttClient::subscribe`].
    pub async fn request(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<MqttMessage, MqttError> {
        if self.version() == MqttVersion::V4 {
            let why = "MQTT 3.1.1 has no response topics; set `options.protocol_version = 5`";
            return Err(MqttError::Unsupported { what: "requests", why });
        }
        let limit = options.timeout.unwrap_or(self.0.settings.publish_timeout);
        let deadline = Instant::now() + if limit.is_zero() { NEVER } else { limit.min(NEVER) };
        let mut sent = false;
        let asked = timeout_at(deadline, self.ask(topic.into(), payload.into(), options, &mut sent)).await;
        asked.map_err(|_| MqttError::TimedOut { operation: "request", limit, accepted: sent })?
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
        let Some(topic) = request.properties.response_topic() else {
            let problem = "is missing in the message: its sender expects no answer";
            return Err(MqttError::BadProperty { property: "response_topic", problem });
        };
        let mut properties = own(&options);
        properties.correlation_data = request.properties.correlation_data().map(Bytes::copy_from_slice);
        self.publish(topic, payload, options.properties(properties)).await
    }

    async fn ask(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
        sent: &mut bool,
    ) -> Result<MqttMessage, MqttError> {
        let Requests { topic: answers, waiting } = &self.0.requests;
        let response_topic = Arc::clone(answers.get_or_try_init(|| self.listen(Arc::clone(waiting))).await?);
        let number = waiting.last.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        waiting.answers().insert(number, sender);
        let _pending = Pending { waiting, number };
        let correlation = number.to_be_bytes().to_vec();
        let properties =
            own(&options).response_topic(Arc::clone(&response_topic)).correlation_data(correlation);
        let delivery = self.send(topic, payload, options.properties(properties)).await?;
        *sent = true;
        let mut state = self.state();
        let ended = |state: &LinkState| matches!(state, LinkState::Closed(_) | LinkState::Failed(_));
        // The answer may come before the acknowledgement of the request.
        let answered = async {
            tokio::pin!(answer);
            tokio::select! {
                biased;
                answered = &mut answer => return answered.map_err(|_| self.ended()),
                delivered = delivery => delivered?,
            }
            answer.await.map_err(|_| self.ended())
        };
        tokio::select! {
            biased;
            answered = answered => answered,
            denied = self.denied(&response_topic) => Err(denied),
            _ = state.wait_for(ended) => Err(self.ended()),
        }
    }

    /// Subscribes to a topic that no other client uses.
    async fn listen(&self, waiting: Arc<Waiting>) -> Result<Arc<str>, MqttError> {
        let client = self.client_id().replace(['+', '#', '/'], "_");
        // The keys of a `RandomState` come from the system's source of randomness.
        let digits = RandomState::new().hash_one(&client) as u32;
        let topic = format!("{}/{client}/{digits:08x}", self.0.settings.response_topic);
        let listener = move |message| {
            waiting.came(message);
            std::future::ready(Ok(()))
        };
        self.subscribe(&topic, SubscribeOptions::at_least_once(), Arc::new(listener)).await?;
        Ok(topic.into())
    }
}

fn own(options: &PublishOptions) -> MessageProperties {
    options.properties.as_deref().cloned().unwrap_or_default()
}
