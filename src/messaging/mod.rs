//! Messaging: envelopes, what every queue can be asked for, and the queue in memory.

mod bridge;
mod capabilities;
mod connection;
mod dead_letter;
mod envelope;
mod error;
pub(crate) mod local;
mod memory;
mod message_id;
mod pending_send;
mod place;
mod queue;
mod receiver;
mod route;
pub(crate) mod shelf;
mod wire;

pub use bridge::{Bridge, BridgeConfig, Unmatched};
pub use capabilities::MessagingCapabilities;
pub use connection::MessageQueueConnection;
pub use dead_letter::{DeadLetter, DeadLetterReason};
pub use envelope::MessageEnvelope;
pub use error::{EnvelopeError, QueueError};
pub use memory::{
    MemoryMessageQueue, MemoryMessageQueueFactory, MemoryQueueConfig, MemoryQueueFactoryConfig,
    MemoryQueueOptions,
};
pub use message_id::MessageId;
pub use pending_send::PendingSend;
pub use place::QueuePlace;
pub use queue::{ListenOptions, MessageQueue, MessageQueueFactory, MessageStream};
pub use receiver::MessageReceiver;
#[cfg(feature = "mqtt")]
pub(crate) use route::Route;
