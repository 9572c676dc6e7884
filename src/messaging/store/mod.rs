//! The store of a queue's messages in this process: waiting, leased to receivers, delayed, on their way to the dead letters.
//! All kinds of queue share it.

mod contents;
mod dead_message;
mod lease;
mod leases;
mod maintenance;
mod message;
mod message_store;
#[cfg(test)]
mod model;
mod outcome;
#[cfg(test)]
mod tests;

pub(crate) use lease::Lease;
pub(crate) use maintenance::{DeadLetterSink, maintain};
#[cfg(feature = "mqtt")]
pub(crate) use message::Redelivery;
pub(crate) use message::{StoreOptions, StoredMessage};
pub(crate) use message_store::MessageStore;
