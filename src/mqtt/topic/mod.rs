//! Topics and topic filters: what is valid, what matches, and what has to go over the wire.
//!
//! A [`Topic`] names what a message is about, a [`Filter`] asks for messages (MQTT 3.1.1 and 5.0, section 4.7). The
//! [`Trie`] finds the values of all filters that match a topic, whatever their number; the [`Cover`] is the
//! smallest set of filters that asks a broker for all of them. [`matches()`] is the definition of matching that both are
//! tested against.

mod cover;
mod edges;
mod error;
mod filter;
mod levels;
mod members;
mod name;
mod node;
mod trie;

pub use cover::{Changes, Cover};
pub use error::{MAX_LEN, MAX_LEVELS, TopicError};
pub use filter::{Filter, matches};
pub use name::Topic;
pub(crate) use name::without_controls;
pub use trie::Trie;
