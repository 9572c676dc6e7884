//! Message queues: one set of behaviours for every kind of queue, and what each kind has of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod behaviours;
mod kinds;
mod memory;

behaviours::prove!(in_memory, crate::kinds::Memory);
