//! What messages cost in memory, in bytes.
//!
//! One place says so, for all who bound what they hold: the limit of received messages of a connection, and the queues. A
//! cost is an upper bound of what the allocator is asked for, the list that a message waits in included. It is taken when a
//! message comes, and given back as the same number.

use std::sync::Arc;

use bytes::Bytes;

/// What the allocator adds to a piece of memory, and `Arc` to what it counts.
const EACH: usize = 16;

/// Upper bound for a growing `Vec`: its capacity is up to twice its length, and while it reallocates the old buffer
/// still exists.
const GROWTH: usize = 3;

/// A piece of memory of its own.
pub(crate) const fn piece(size: usize) -> usize {
    if size == 0 { 0 } else { size + 2 * EACH }
}

/// A place for a `T` in a list that grows.
pub(crate) const fn place<T>() -> usize {
    GROWTH * size_of::<T>()
}

/// A text that is shared.
pub(crate) fn text(text: &Arc<str>) -> usize {
    piece(text.len())
}

/// Bytes that own their memory, or most of it: that of a large packet may hold a fifteenth more. Once they are cloned, a
/// count of those who have them is kept beside them.
pub(crate) fn bytes(bytes: &Bytes) -> usize {
    if bytes.is_empty() { 0 } else { piece(bytes.len() + bytes.len() / 15) + piece(size_of::<[usize; 3]>()) }
}
