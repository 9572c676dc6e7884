//! Hostile clients of the embedded broker. The broker runs in a process of its own, so that its memory and its log can be
//! measured.

mod client;
mod connections;
mod memory;
mod rights;
mod served;
