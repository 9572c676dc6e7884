//! Messaging: envelopes, the queue traits, the queue kit, queues in memory and bridges.

mod bridge;
mod dead_letter;
mod envelope;
mod error;
pub mod kit;
mod memory;
mod message_id;
mod pending_send;
mod queue;
mod route;
pub(crate) mod store;
mod wire;

pub use bridge::{Bridge, BridgeConfig, Unmatched};
pub use dead_letter::{DeadLetter, DeadLetterReason};
pub use envelope::MessageEnvelope;
pub use error::{EnvelopeError, QueueError};
pub use memory::{
    MemoryMessageQueue, MemoryMessageQueueFactory, MemoryQueueConfig, MemoryQueueFactoryConfig,
    MemoryQueueOptions,
};
pub use message_id::MessageId;
pub use pending_send::PendingSend;
pub use queue::{
    ListenOptions, MessageQueue, MessageQueueConnection, MessageQueueFactory, MessageReceiver, MessageStream,
    MessagingCapabilities, QueueAddress,
};
#[cfg(feature = "mqtt")]
pub(crate) use route::Route;
