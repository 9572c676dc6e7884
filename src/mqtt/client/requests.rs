//! Requests and their answers, on MQTT 5.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OnceCell, oneshot};
use tokio::time::timeout_at;

use super::handle::Handle;
use super::subscription::subscribe;
use crate::mqtt::{MessageProperties, MqttError, MqttMessage, MqttVersion, PublishOptions, SubscribeOptions};

/// The requests of a client that wait for their answers. All answers come over one subscription.
#[derive(Default)]
pub(super) struct Requests {
    /// The topic that answers come on, once it is subscribed to.
    topic: OnceCell<Arc<str>>,
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// The number of the last request, which is its correlation data.
    last: AtomicU64,
    answers: Mutex<HashMap<u64, oneshot::Sender<MqttMessage>>>,
}

impl Waiting {
    fn answers(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<MqttMessage>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer to the request that it is for. One that comes again, or too late, is dropped.
    fn answered(&self, message: MqttMessage) {
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

impl Requests {
    /// Publishes a request and waits for its answer.
    pub async fn request(
        &self,
        handle: &Arc<Handle>,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<MqttMessage, MqttError> {
        if handle.settings().version == MqttVersion::V4 {
            let why = "MQTT 3.1.1 has no response topics; set `options.protocol_version = 5`";
            return Err(MqttError::Unsupported { what: "requests", why });
        }
        let limit = options.timeout.unwrap_or(handle.settings().publish_timeout);
        let mut sent = false;
        let asked = self.ask(handle, topic, payload, options, &mut sent);
        let asked = timeout_at(Handle::deadline(limit), asked).await;
        asked.map_err(|_| MqttError::TimedOut { operation: "request", limit, accepted: sent })?
    }

    /// Publishes the answer to a request.
    pub async fn answer(
        &self,
        handle: &Handle,
        request: &MqttMessage,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        let Some(topic) = request.properties.response_topic() else {
            let problem = "is missing in the message: its sender expects no answer";
            return Err(MqttError::BadProperty { property: "response_topic", problem });
        };
        let mut properties = own(&options);
        properties.correlation_data = request.properties.correlation_data().map(Bytes::copy_from_slice);
        let mut options = options.properties(properties);
        if options.trace.is_none() && handle.settings().tracer.enabled() {
            options.trace = request.trace().map(Arc::new);
        }
        handle.publish(topic.into(), payload, options).await
    }

    async fn ask(
        &self,
        handle: &Arc<Handle>,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
        sent: &mut bool,
    ) -> Result<MqttMessage, MqttError> {
        let waiting = &self.waiting;
        let listen = || listen(handle, Arc::clone(waiting));
        let response_topic = Arc::clone(self.topic.get_or_try_init(listen).await?);
        let number = waiting.last.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        waiting.answers().insert(number, sender);
        let _pending = Pending { waiting, number };
        let correlation = number.to_be_bytes().to_vec();
        let properties =
            own(&options).response_topic(Arc::clone(&response_topic)).correlation_data(correlation);
        let delivery = handle.send(topic, payload, options.properties(properties)).await?;
        *sent = true;
        // The answer may come before the acknowledgement of the request.
        let answered = async {
            tokio::pin!(answer);
            tokio::select! {
                biased;
                answered = &mut answer => return answered.map_err(|_| handle.ended()),
                delivered = delivery => delivered?,
            }
            answer.await.map_err(|_| handle.ended())
        };
        tokio::select! {
            biased;
            answered = answered => answered,
            denied = handle.denied(&response_topic) => Err(denied),
            ended = handle.until_ended() => Err(ended),
        }
    }
}

/// Subscribes to a topic that no other client uses. Returns it.
async fn listen(handle: &Arc<Handle>, waiting: Arc<Waiting>) -> Result<Arc<str>, MqttError> {
    let settings = handle.settings();
    let client = settings.client_id.get().replace(['+', '#', '/'], "_");
    // The keys of a `RandomState` come from the system's source of randomness.
    let digits = RandomState::new().hash_one(&client) as u32;
    let topic = format!("{}/{client}/{digits:08x}", settings.response_topic);
    let listener = move |message| {
        waiting.answered(message);
        std::future::ready(Ok(()))
    };
    subscribe(handle, &topic, SubscribeOptions::at_least_once(), Arc::new(listener)).await?;
    Ok(topic.into())
}

/// Returns the properties that the caller has given.
fn own(options: &PublishOptions) -> MessageProperties {
    options.properties.as_deref().cloned().unwrap_or_default()
}
