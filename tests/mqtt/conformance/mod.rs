//! The two standards, statement by statement: `docs/mqtt-conformance.md` names the test of each that binds a client.
//!
//! What is about bytes is tested in bytes: the broker's end is a plain socket, on which nothing is written or read by the
//! codecs that the client uses.

mod handshake;
mod oversize;
mod received;
mod sending;
mod table;
mod wire;
