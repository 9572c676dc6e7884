//! Queues in memory, shared by name within one container.

mod config;
mod factory;
mod queue;
mod shared;

pub use config::{MemoryQueueConfig, MemoryQueueFactoryConfig, MemoryQueueOptions};
pub use factory::MemoryMessageQueueFactory;
pub use queue::MemoryMessageQueue;
