//! Where the messages of a queue lie in this process: waiting, locked, delayed. All kinds of queue share it.

mod held;
#[cfg(feature = "mqtt")]
mod holds;
mod item;
mod keep;
#[cfg(test)]
mod model;
mod state;
mod sweep;
#[cfg(test)]
mod tests;

#[cfg(feature = "mqtt")]
pub(crate) use holds::Likeness;
pub(crate) use item::{Item, Lock, MAX_BYTES, Rules};
pub(crate) use keep::{NEVER, Shelf};
pub(crate) use sweep::Bury;
