//! Queues in memory, shared by name within one container.

mod board;
mod config;
mod factory;
mod queue;
mod terms;

pub use config::{MemoryQueueConfig, MemoryQueueFactoryConfig, MemoryQueueOptions};
pub use factory::MemoryMessageQueueFactory;
pub use queue::MemoryMessageQueue;
