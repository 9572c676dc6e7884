//! The kinds of queue, each as the behaviours need it.

use std::any::Any;
use std::sync::Arc;

use wirework::component::Context;
use wirework::messaging::{MemoryMessageQueue, MessageQueue};

pub fn context() -> Context {
    Context::standalone("pip-services:message-queue:test:test:1.0".parse().unwrap())
}

/// A queue and where its dead letters go, both open.
pub struct Queues {
    pub queue: Arc<dyn MessageQueue>,
    pub dead: Arc<dyn MessageQueue>,
    pub context: Context,
    /// What must live as long as they, such as a broker.
    pub _keep: Box<dyn Any + Send>,
}

impl Queues {
    pub async fn close(&self) {
        for queue in [&self.queue, &self.dead] {
            queue.close(&self.context).await.unwrap();
        }
    }
}

pub trait Kind {
    /// Queues with further keys; none where this machine lacks what they need.
    async fn make(more: &[(&str, &str)]) -> Option<Queues>;
}

pub struct Memory;

impl Kind for Memory {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let context = context();
        let pairs: Vec<_> = [("dead_letter", "dead")].iter().chain(more).copied().collect();
        let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::from_pairs("orders", pairs).unwrap());
        let dead: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("dead"));
        for queue in [&queue, &dead] {
            queue.open(&context).await.unwrap();
        }
        Some(Queues { queue, dead, context, _keep: Box::new(()) })
    }
}
