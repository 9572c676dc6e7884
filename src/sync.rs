//! What threads share: the types of `std`, `tokio` and `futures` under one name.
//!
//! Files that take them from here are built a second time by the package in `loom/`, whose `crate::sync` has the types of `loom`
//! instead. So the code that is tested in every interleaving is the code that runs.

#[cfg(feature = "mqtt")]
pub(crate) use std::sync::atomic::AtomicUsize;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "mqtt")]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "mqtt")]
pub(crate) use futures_util::task::AtomicWaker;
pub(crate) use tokio::sync::Notify;
#[cfg(feature = "mqtt")]
pub(crate) use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
