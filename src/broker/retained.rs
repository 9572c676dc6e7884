//! The memory of retained messages, and its limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::RetainedMessage;
use mqtt5::broker::{BrokerEventHandler, DynamicStorage, RetainedSetEvent, StorageBackend};

use super::limits::PROPERTIES;
use crate::BoxFuture;
use crate::log::{Logger, WarningThrottle};

/// What a retained message takes beside its strings and its payload, in bytes; the library has it twice.
const MESSAGE: usize = 512;
/// What a user property takes beside its texts.
const PROPERTY: usize = 48;

/// Counts the bytes of all retained messages, and has the library refuse more than fit.
pub(super) struct Retained {
    limits: RetainedLimits,
    storage: Arc<DynamicStorage>,
    router: OnceLock<Weak<MessageRouter>>,
    sizes: Mutex<Sizes>,
    logger: Logger,
    full: WarningThrottle,
}

/// How much may be retained.
#[derive(Clone, Copy)]
pub(super) struct RetainedLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of one payload.
    pub payload: usize,
    /// Bytes in all.
    pub bytes: usize,
}

#[derive(Default)]
struct Sizes {
    by_topic: HashMap<String, usize>,
    total: usize,
}

impl Sizes {
    /// Counts the message of a topic anew, and returns what all take.
    fn set(&mut self, topic: &str, size: Option<usize>) -> usize {
        let before = match size {
            Some(size) => self.by_topic.insert(topic.to_owned(), size),
            None => self.by_topic.remove(topic),
        };
        self.total = self.total + size.unwrap_or_default() - before.unwrap_or_default();
        self.total
    }
}

impl Retained {
    pub fn new(limits: RetainedLimits, storage: Arc<DynamicStorage>, logger: Logger) -> Arc<Self> {
        let (router, sizes, full) = (OnceLock::new(), Mutex::default(), WarningThrottle::default());
        Arc::new(Self { limits, storage, router, sizes, logger, full })
    }

    /// Binds the router whose messages these are.
    pub fn bind(&self, router: &Arc<MessageRouter>) {
        // There is one router for each.
        let _ = self.router.set(Arc::downgrade(router));
    }

    async fn note(&self, event: &RetainedSetEvent) {
        let topic = &*event.topic;
        let found = self.storage.get_retained_message(topic).await.ok().flatten();
        let size = match (found, event.cleared) {
            (Some(message), _) => Some(footprint(&message)),
            (None, true) => None,
            // It has expired: the storage has forgotten it, the router has not.
            (None, false) => Some(2 * (2 * topic.len() + event.payload.len() + MESSAGE + PROPERTIES)),
        };
        let total = self.sizes.lock().unwrap_or_else(PoisonError::into_inner).set(topic, size);
        let Some(router) = self.router.get().and_then(Weak::upgrade) else { return };
        let left = self.limits.bytes.saturating_sub(total);
        // The library reads 0 as "no limit". Where nothing fits, the messages that there are may still become smaller.
        let (messages, payload) = if left < 4 * MESSAGE {
            let limit = self.limits.bytes;
            self.full.warn(
                &self.logger,
                format_args!("retained messages take the {limit} bytes of `max_retained_bytes`"),
            );
            (router.retained_count().await.max(1).min(self.limits.messages), 1)
        } else {
            (self.limits.messages, (left / 2).clamp(1, self.limits.payload))
        };
        router.update_retained_limits(messages, payload);
    }
}

/// What a message takes, in the library's router and its storage.
fn footprint(message: &RetainedMessage) -> usize {
    let user: usize =
        message.user_properties.iter().map(|(key, value)| key.len() + value.len() + PROPERTY).sum();
    let texts = [&message.content_type, &message.response_topic]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    let correlation = message.correlation_data.as_ref().map_or(0, Vec::len);
    2 * (2 * message.topic.len() + message.payload.len() + user + texts + correlation + MESSAGE)
}

impl BrokerEventHandler for Retained {
    fn on_retained_set<'a>(&'a self, event: RetainedSetEvent) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.note(&event).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_counts_once() {
        let mut sizes = Sizes::default();
        assert_eq!(sizes.set("a", Some(100)), 100);
        assert_eq!(sizes.set("b", Some(50)), 150);
        assert_eq!(sizes.set("a", Some(10)), 60);
        assert_eq!(sizes.set("b", None), 10);
        assert_eq!(sizes.set("b", None), 10);
    }
}
